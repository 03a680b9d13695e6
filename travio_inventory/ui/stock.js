// <travio-stock>: what lies in each warehouse, and what moved there. One module; every text is shown as text.
//
// Attributes: `organization`, else that of the caller; `service`, where the service is, else where the page is from;
// `seconds`, how often it is read again while the page is seen, 5 unless it says so, 0 never. Property: `token`, a text
// or a function that gives one. Events: `travio-stock-shown` after each reading, `travio-stock-failed` with `detail.reason`.

const STYLES = `
:host { display: block; font: inherit; --line: color-mix(in srgb, CanvasText 20%, Canvas); }
.filters { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: end; margin: .5rem 0; }
.filters label { display: grid; font-size: .875rem; }
select, input[type=search] { font: inherit; padding: .25rem .5rem; }
.check { grid-auto-flow: column; gap: .4rem; align-items: center; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
caption { font-weight: 600; padding: .5rem 0; text-align: start; }
th, td { border-bottom: 1px solid var(--line); padding: .3rem .6rem; text-align: start; }
.number { font-variant-numeric: tabular-nums; text-align: end; }
td button { background: none; border: 0; color: LinkText; cursor: pointer; font: inherit; padding: .35rem 0; text-align: start; }
tr[aria-selected=true] { background: color-mix(in srgb, Highlight 18%, Canvas); }
.state { border-radius: 1rem; font-size: .8rem; padding: .1rem .5rem; }
.state[data-state=low] { background: light-dark(#fde9b8, #4d3c0a); }
.state[data-state=out] { background: light-dark(#f8c9c4, #5a1a14); }
.notice { min-height: 1.5rem; }
`;
const ROWS_MAX = 2000;
const SECONDS = 5;

/** An element with its properties and what is in it. */
function element(name, properties = {}, ...inside) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...inside);
  return made;
}

/** A cell; a number stands at the end. */
function cell(value) {
  return element("td", { className: typeof value === "number" ? "number" : "" }, typeof value === "number" ? value.toLocaleString() : value ?? "");
}

/** A table with a caption and the names of its columns; those that begin with "#" are of numbers. */
function table(caption, columns, rows) {
  const heads = columns.map((name) =>
    element("th", { scope: "col", className: name.startsWith("#") ? "number" : "" }, name.replace("#", "")),
  );
  return element("table", {}, element("caption", {}, caption), element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...rows));
}

class Refused extends Error {
  constructor(problem, status) {
    super(problem.detail ?? `the service answered ${status}`);
    this.reason = problem.reason ?? String(status);
  }
}

class TravioStock extends HTMLElement {
  #warehouse = element("select", { name: "warehouse" });
  #sku = element("input", { name: "sku", type: "search", placeholder: "all" });
  #low = element("input", { name: "low", type: "checkbox" });
  #notice = element("p", { className: "notice", role: "status" });
  #entries = element("div", { className: "wide", ariaLive: "off" });
  #shards = element("div", { className: "wide" });
  #movements = element("div", { className: "wide" });
  #transfers = element("div", { className: "wide" });
  #codes = new Map();
  #chosen = "";
  #reading = 0;
  #timer = 0;
  #token = "";

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    const styles = new CSSStyleSheet();
    styles.replaceSync(STYLES);
    root.adoptedStyleSheets = [styles];
    const filters = element(
      "form",
      { className: "filters" },
      element("label", {}, "Warehouse", this.#warehouse),
      element("label", {}, "Stock keeping unit", this.#sku),
      element("label", { className: "check" }, this.#low, "Only what is low"),
    );
    filters.addEventListener("submit", (event) => event.preventDefault());
    filters.addEventListener("change", () => void this.show());
    root.append(filters, this.#notice, this.#entries, this.#shards, this.#movements, this.#transfers);
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

  /** Read and show what there is now. A reading that a later one has overtaken shows nothing. */
  async show() {
    const reading = ++this.#reading;
    try {
      const warehouses = await this.#all("/warehouses", {}, ROWS_MAX);
      const asked = { warehouseId: this.#warehouse.value, sku: this.#sku.value.trim(), lowStock: this.#low.checked || "" };
      const entries = await this.#all("/inventory", asked, ROWS_MAX);
      const chosen = entries.find((entry) => entry.inventoryId === this.#chosen);
      const movements = chosen ? await this.#all(`/inventory/${chosen.inventoryId}/movements`, {}, ROWS_MAX) : [];
      const shards = chosen?.shards > 1 ? (await this.#ask(`/inventory/${chosen.inventoryId}/shards`, {})).items : [];
      const onTheWay = await this.#all("/transfers", { sku: asked.sku, inTransit: true }, ROWS_MAX);
      if (reading !== this.#reading) return;
      this.#showWarehouses(warehouses);
      this.#showEntries(entries);
      this.#showShards(chosen, shards);
      this.#showMovements(chosen, movements);
      this.#showTransfers(onTheWay.filter((each) => [each.fromWarehouseId, each.toWarehouseId, ""].includes(asked.warehouseId)));
      this.#say(entries.length === ROWS_MAX ? `Only the first ${ROWS_MAX} are shown: choose a warehouse.` : "");
      this.dispatchEvent(new CustomEvent("travio-stock-shown", { bubbles: true, composed: true }));
    } catch (failed) {
      if (reading !== this.#reading) return;
      this.#say(failed instanceof Refused ? failed.message : "The service cannot be reached; this is tried again.");
      const detail = { reason: failed.reason ?? "UNREACHABLE" };
      this.dispatchEvent(new CustomEvent("travio-stock-failed", { bubbles: true, composed: true, detail }));
    }
  }

  async #all(path, asked, most) {
    const found = [];
    let token = "";
    do {
      const page = await this.#ask(path, { ...asked, page_token: token });
      found.push(...page.items);
      token = page.nextPageToken;
    } while (token && found.length < most);
    return found.slice(0, most);
  }

  async #ask(path, asked) {
    const address = new URL(`/api/v1${path}`, this.getAttribute("service") || location.href);
    const named = { ...asked, org_id: this.getAttribute("organization") };
    for (const [name, value] of Object.entries(named)) if (value) address.searchParams.set(name, value);
    const token = typeof this.#token === "function" ? await this.#token() : this.#token;
    const answer = await fetch(address, { headers: token ? { Authorization: `Bearer ${token}` } : {} });
    const said = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Refused(said, answer.status);
    return said;
  }

  #showWarehouses(warehouses) {
    this.#codes = new Map(warehouses.map((each) => [each.warehouseId, each.code]));
    const chosen = this.#warehouse.value;
    const options = warehouses.map((each) => {
      const text = `${each.code}: ${each.name}${each.isActive ? "" : " (inactive)"}`;
      return element("option", { value: each.warehouseId, selected: each.warehouseId === chosen }, text);
    });
    this.#warehouse.replaceChildren(element("option", { value: "" }, "all"), ...options);
  }

  #showEntries(entries) {
    const rows = entries.map((entry) => {
      const open = element("button", { type: "button" }, entry.sku);
      open.addEventListener("click", () => {
        this.#chosen = this.#chosen === entry.inventoryId ? "" : entry.inventoryId;
        void this.show();
      });
      const state = entry.quantityAvailable === 0 ? "out" : entry.quantityAvailable <= entry.reorderPoint ? "low" : "";
      const mark = element("span", { className: "state" }, state);
      mark.dataset.state = state;
      const row = element(
        "tr",
        { ariaSelected: String(entry.inventoryId === this.#chosen) },
        cell(open),
        cell(this.#codes.get(entry.warehouseId) ?? entry.warehouseId),
        ...[entry.quantityAvailable, entry.quantityReserved, entry.quantityTotal, entry.reorderPoint].map(cell),
        element("td", {}, mark, entry.shards > 1 ? ` in ${entry.shards} shards` : ""),
      );
      row.dataset.sku = entry.sku;
      return row;
    });
    const columns = ["stock keeping unit", "warehouse", "#available", "#reserved", "#total", "#reorder at", "state"];
    const focused = this.shadowRoot.activeElement?.closest("tr")?.dataset.sku;
    this.#entries.replaceChildren(rows.length ? table("Entries", columns, rows) : element("p", {}, "Nothing lies here."));
    if (focused) rows.find((row) => row.dataset.sku === focused)?.querySelector("button").focus();
  }

  #showShards(entry, shards) {
    if (!shards.length) return this.#shards.replaceChildren();
    const counts = ["quantityAvailable", "quantityReserved", "quantityOnTheWay"];
    const rows = shards.map((each) =>
      element("tr", {}, cell(each.shard + 1), ...counts.map((name) => cell(each[name])), cell(each.takesOrders ? "" : "takes no orders")),
    );
    const where = this.#codes.get(entry.warehouseId) ?? entry.warehouseId;
    const columns = ["#shard", "#available", "#reserved", "#on its way there", ""];
    this.#shards.replaceChildren(table(`Shards of ${entry.sku} in ${where}`, columns, rows));
  }

  #showMovements(entry, movements) {
    if (!entry) return this.#movements.replaceChildren();
    const rows = movements.toReversed().map((each) =>
      element(
        "tr",
        {},
        ...[new Date(each.createdAt).toLocaleString(), each.type, each.quantity, each.balanceAfter].map(cell),
        ...[each.reason, each.reference, each.performedBy].map(cell),
      ),
    );
    const where = this.#codes.get(entry.warehouseId) ?? entry.warehouseId;
    const columns = ["when", "type", "#quantity", "#balance", "reason", "reference", "by"];
    this.#movements.replaceChildren(table(`Movements of ${entry.sku} in ${where}, newest first`, columns, rows));
  }

  #showTransfers(transfers) {
    const code = (warehouse) => this.#codes.get(warehouse) ?? warehouse;
    const rows = transfers.map((each) =>
      element(
        "tr",
        {},
        ...[each.sku, code(each.fromWarehouseId), code(each.toWarehouseId), each.quantityInTransit].map(cell),
        ...[each.quantityShipped, each.reason, each.requestedBy, new Date(each.updatedAt).toLocaleString()].map(cell),
      ),
    );
    const columns = ["stock keeping unit", "from", "to", "#in transit", "#shipped", "reason", "by", "since"];
    this.#transfers.replaceChildren(...(rows.length ? [table("In transit", columns, rows)] : []));
  }

  #say(text) {
    if (this.#notice.textContent !== text) this.#notice.textContent = text;
  }
}

customElements.define("travio-stock", TravioStock);

export { STYLES, Refused, cell, element, table };
