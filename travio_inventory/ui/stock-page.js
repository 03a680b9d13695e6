// Hands what the form says to the elements.

const elements = document.querySelectorAll("travio-stock, travio-stock-desk, travio-stock-preview");
const form = document.querySelector("#caller");
form.elements.organization.value = new URLSearchParams(location.search).get("org_id") ?? "";
for (const each of elements) each.setAttribute("organization", form.elements.organization.value);
form.addEventListener("submit", (event) => {
  event.preventDefault();
  for (const each of elements) {
    each.token = form.elements.token.value;
    each.setAttribute("organization", form.elements.organization.value);
    each.setAttribute("user", form.elements.user.value);
    void each.show?.();
  }
});
document.addEventListener("travio-stock-done", () => void document.querySelector("travio-stock").show());
