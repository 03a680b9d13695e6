// Hands what the form says to the element.

const stock = document.querySelector("travio-stock");
const form = document.querySelector("#caller");
form.elements.organization.value = new URLSearchParams(location.search).get("org_id") ?? "";
stock.setAttribute("organization", form.elements.organization.value);
form.addEventListener("submit", (event) => {
  event.preventDefault();
  stock.token = form.elements.token.value;
  stock.setAttribute("organization", form.elements.organization.value);
  void stock.show();
});
