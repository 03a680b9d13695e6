// <travio-stock-preview>: which warehouses would serve an order at this moment, and why; nothing is reserved.
//
// Attributes: `organization` and `service` as of <travio-stock>. Property: `token`. Event: `travio-stock-previewed`.

import { STYLES, Refused, cell, element, table } from "./stock.js";

/** "cup-blue=2 jug" as items; a sku alone is one. */
function itemsOf(text) {
  return text.trim().split(/\s+/).map((word) => {
    const [, sku, quantity] = /^(.+)=(\d{1,15})$/.exec(word) ?? [word, word, 1];
    return { sku, quantity: Number(quantity) };
  });
}

class TravioStockPreview extends HTMLElement {
  #items = element("input", { name: "items", placeholder: "cup-blue=2 jug", required: true, size: 24 });
  #region = element("input", { name: "region", placeholder: "anywhere", size: 10 });
  #notice = element("p", { className: "notice", role: "status" });
  #found = element("div", { className: "wide" });
  #asking = 0;
  #token = "";

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    const styles = new CSSStyleSheet();
    styles.replaceSync(`${STYLES}\ninput, button { font: inherit; padding: .25rem .5rem; }`);
    root.adoptedStyleSheets = [styles];
    const form = element(
      "form",
      { className: "filters" },
      element("label", {}, "An order of", this.#items),
      element("label", {}, "to the region", this.#region),
      element("button", {}, "Preview"),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#preview();
    });
    root.append(form, this.#notice, this.#found);
  }

  /** What says who calls: a text, or a function that gives one. */
  set token(value) {
    this.#token = value;
  }

  async #preview() {
    const asking = ++this.#asking;
    try {
      const asked = { items: itemsOf(this.#items.value), shipTo: { region: this.#region.value.trim() } };
      const [{ items: warehouses }, told] = await Promise.all([this.#ask("/warehouses"), this.#ask("/allocations/preview", asked)]);
      if (asking === this.#asking) this.#show(new Map(warehouses.map((each) => [each.warehouseId, each.code])), told);
    } catch (failed) {
      if (asking !== this.#asking) return;
      this.#found.replaceChildren();
      this.#notice.textContent = failed instanceof Refused ? failed.message : "The service cannot be reached; try again.";
    }
  }

  async #ask(path, body) {
    const address = new URL(`/api/v1${path}`, this.getAttribute("service") || location.href);
    const organization = this.getAttribute("organization");
    if (organization) address.searchParams.set("org_id", organization);
    const token = typeof this.#token === "function" ? await this.#token() : this.#token;
    const headers = { ...(token ? { Authorization: `Bearer ${token}` } : {}), ...(body ? { "Content-Type": "application/json" } : {}) };
    const answer = await fetch(address, { method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body) });
    const said = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Refused(said, answer.status);
    return said;
  }

  #show(codes, told) {
    const lines = told.lines.map((each) =>
      element("tr", {}, ...[each.sku, codes.get(each.warehouseId) ?? each.warehouseId, each.quantity].map(cell)));
    const reasons = told.reasons.map((each) => element("tr", {}, cell(each)));
    this.#notice.textContent = "";
    this.#found.replaceChildren(
      table("It would come from", ["stock keeping unit", "warehouse", "#quantity"], lines), table("Why", ["reason"], reasons));
    this.dispatchEvent(new CustomEvent("travio-stock-previewed", { bubbles: true, composed: true }));
  }
}

customElements.define("travio-stock-preview", TravioStockPreview);
