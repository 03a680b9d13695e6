// A page of Vue that has the seat map while it has a trip.
import { createApp, shallowReactive } from "vue/dist/vue.esm-bundler.js";

const template = `
  <main>
    <travio-seat-map
      v-if="page.trip"
      :trip="page.trip"
      user="ann"
      :from="page.from"
      :to="page.to"
      :party-size="page.party"
      :hold-token="page.holdToken"
      .chooseJourney="page.choosesJourney"
      .messages="page.messages"
      .isObjectSelectable="page.isObjectSelectable"
      .token="page.token"
      @objectselected="page.heard('objectselected', $event.detail.label)"
      @holdsucceeded="page.heard('holdsucceeded', $event.detail.holdToken)"
    >
      <p>Party of {{ page.party }}</p>
    </travio-seat-map>
  </main>`;

/** What shows the page with such properties. */
export const inVue = (place) => {
  const page = shallowReactive({});
  const app = createApp({ template, setup: () => ({ page }) });
  app.config.compilerOptions.isCustomElement = (tag) => tag === "travio-seat-map";
  app.mount(place);
  return (given) => Object.assign(page, given);
};
