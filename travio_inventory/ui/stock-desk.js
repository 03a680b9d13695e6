// <travio-stock-desk>: changes of stock that wait for another person, and open purchase orders; both are done here.
//
// Attributes: `organization`, `service` and `seconds` as of <travio-stock>; `user`, who it is, where the service asks for
// no token. Property: `token`. Events: `travio-stock-done` after each deed, with `detail.path`.

import { STYLES, Refused, cell, element, table } from "./stock.js";

const SECONDS = 5;
const LISTED_MAX = 500;

/** A text that nobody else has: it makes a deed that is sent twice one deed. */
function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

class TravioStockDesk extends HTMLElement {
  #notice = element("p", { className: "notice", role: "status" });
  #approvals = element("div", { className: "wide" });
  #orders = element("div", { className: "wide" });
  #codes = new Map();
  #suppliers = new Map();
  #keys = new Map();
  #shown = "";
  #reading = 0;
  #timer = 0;
  #token = "";

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    const styles = new CSSStyleSheet();
    styles.replaceSync(`${STYLES}\nform { display: flex; gap: .5rem; } input[type=number] { font: inherit; width: 6rem; }`);
    root.adoptedStyleSheets = [styles];
    root.append(this.#notice, this.#approvals, this.#orders);
  }

  /** What says who calls: a text, or a function that gives one. */
  set token(value) {
    this.#token = value;
  }

  connectedCallback() {
    void this.show();
    const seconds = Number(this.getAttribute("seconds") ?? SECONDS);
    if (seconds > 0) this.#timer = setInterval(() => document.hidden || void this.show(), seconds * 1000);
  }

  disconnectedCallback() {
    clearInterval(this.#timer);
    this.#reading += 1;
  }

  /** Read and show what there is to do. What is the same is left as it is, with what somebody types there. */
  async show() {
    const reading = ++this.#reading;
    try {
      const lists = ["/warehouses", "/suppliers", "/approvals", "/purchase-orders?open=true"];
      const [warehouses, suppliers, approvals, orders] = await Promise.all(lists.map((path) => this.#all(path)));
      const now = JSON.stringify([warehouses, suppliers, approvals, orders]);
      if (reading !== this.#reading || now === this.#shown) return;
      this.#shown = now;
      this.#codes = new Map(warehouses.map((each) => [each.warehouseId, each.code]));
      this.#suppliers = new Map(suppliers.map((each) => [each.supplierId, each.code]));
      this.#showApprovals(approvals);
      this.#showOrders(orders);
    } catch (failed) {
      if (reading === this.#reading) this.#tell(failed);
    }
  }

  async #all(path) {
    const found = [];
    let token = "";
    do {
      const page = await this.#ask("GET", path, undefined, "", token);
      found.push(...page.items);
      token = page.nextPageToken;
    } while (token && found.length < LISTED_MAX);
    return found;
  }

  async #ask(method, path, body, key = "", after = "") {
    const address = new URL(`/api/v1${path}`, this.getAttribute("service") || location.href);
    const named = { org_id: this.getAttribute("organization"), page_token: after };
    for (const [name, value] of Object.entries(named)) if (value) address.searchParams.set(name, value);
    const token = typeof this.#token === "function" ? await this.#token() : this.#token;
    const headers = {
      ...(token ? { Authorization: `Bearer ${token}` } : {}),
      ...(this.getAttribute("user") ? { "X-User-Id": this.getAttribute("user") } : {}),
      ...(key ? { "Idempotency-Key": `"${key}"` } : {}),
      ...(body ? { "Content-Type": "application/json" } : {}),
    };
    const answer = await fetch(address, { method, headers, body: body && JSON.stringify(body) });
    const said = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Refused(said, answer.status);
    return said;
  }

  /** Do it, say what became of it, and show what there is then. What was `asked` keeps its key until it is answered. */
  async #do(path, body, done, asked = "") {
    const inputs = [...this.shadowRoot.querySelectorAll("button")];
    for (const each of inputs) each.disabled = true;
    try {
      await this.#ask("POST", path, body, this.#keys.get(asked));
      this.#say(done);
      this.#keys.delete(asked);
      this.dispatchEvent(new CustomEvent("travio-stock-done", { bubbles: true, composed: true, detail: { path } }));
    } catch (failed) {
      this.#tell(failed);
    } finally {
      for (const each of inputs) each.disabled = false;
    }
    await this.show();
  }

  #button(text, label, act) {
    const made = element("button", { type: "button", ariaLabel: label }, text);
    made.addEventListener("click", () => void act());
    return made;
  }

  #showApprovals(approvals) {
    const rows = approvals.map((each) => {
      const what = `${each.quantity > 0 ? "+" : ""}${each.quantity} of ${each.sku}`;
      const act = (verb, said) => this.#button(verb, `${verb} ${what}`, () =>
        this.#do(`/approvals/${each.approvalId}/${verb}`, { note: "" }, `${what}: ${said}.`));
      const where = this.#codes.get(each.warehouseId) ?? each.warehouseId;
      return element(
        "tr",
        {},
        ...[each.sku, where, each.quantity, each.type, each.reason, each.requestedBy].map(cell),
        cell(new Date(each.requestedAt).toLocaleString()),
        element("td", {}, act("approve", "approved"), " ", act("reject", "rejected")),
      );
    });
    const columns = ["stock keeping unit", "warehouse", "#quantity", "type", "reason", "asked by", "since", "decide"];
    this.#approvals.replaceChildren(
      rows.length ? table("Waiting for another person", columns, rows) : element("p", {}, "No change waits for another person."),
    );
  }

  #showOrders(orders) {
    const rows = orders.flatMap((order) => order.lines.map((line) => this.#lineOf(order, line)));
    const columns = ["supplier", "stock keeping unit", "warehouse", "#ordered", "#received", "#outstanding", "placed", "receive"];
    this.#orders.replaceChildren(
      rows.length ? table("Open purchase orders", columns, rows) : element("p", {}, "No purchase order is open."),
    );
  }

  #lineOf(order, line) {
    const { sku, warehouseId, quantityOutstanding: most } = line;
    const where = this.#codes.get(warehouseId) ?? warehouseId;
    const path = `/purchase-orders/${order.purchaseOrderId}`;
    const count = element("input", { type: "number", min: 1, max: most, value: most, ariaLabel: `how many of ${sku} came` });
    const receive = element("form", {}, count, element("button", { ariaLabel: `receive ${sku}` }, "receive"));
    const seen = `${path} ${sku} ${warehouseId} ${line.quantityReceived}`;
    receive.addEventListener("submit", (event) => {
      event.preventDefault();
      const quantity = Number(count.value);
      const asked = `${seen} ${quantity}`;
      if (!this.#keys.has(asked)) this.#keys.set(asked, newKey());
      const lines = [{ sku, warehouseId, quantity }];
      void this.#do(`${path}/receive`, { lines }, `${quantity} of ${sku} received in ${where}.`, asked);
    });
    const cancel = this.#button("cancel", `cancel the order of ${sku}`, () =>
      this.#do(`${path}/cancel`, undefined, `What has not come of the order of ${sku} will not come.`));
    return element(
      "tr",
      {},
      ...[this.#suppliers.get(order.supplierId) ?? order.supplierId, sku, where].map(cell),
      ...[line.quantityOrdered, line.quantityReceived, most].map(cell),
      cell(new Date(order.createdAt).toLocaleString()),
      element("td", {}, ...(most ? [receive] : []), cancel),
    );
  }

  #tell(failed) {
    this.#say(failed instanceof Refused ? failed.message : "The service cannot be reached; try again.");
  }

  #say(text) {
    if (this.#notice.textContent !== text) this.#notice.textContent = text;
  }
}

customElements.define("travio-stock-desk", TravioStockDesk);
