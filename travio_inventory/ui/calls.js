// Lists the calls of /openapi.json, each with a form that sends it. Every text is shown as text.

const caller = document.querySelector("#caller");
const main = document.querySelector("#calls");

/** An element with its attributes and what is in it. */
function element(name, attributes = {}, ...inside) {
  const made = document.createElement(name);
  Object.assign(made, attributes);
  made.append(...inside);
  return made;
}

/** A labelled input for a parameter of a call. */
function parameterInput(parameter) {
  const schema = parameter.schema ?? {};
  const example = parameter.example ?? schema.examples?.[0] ?? (parameter.required ? "" : schema.default ?? "");
  const input = element("input", { name: parameter.name, required: Boolean(parameter.required) });
  input.dataset.place = parameter.in;
  input.value = Array.isArray(example) ? example.join(",") : String(example ?? "");
  input.dataset.list = schema.type === "array" ? "yes" : "";
  return element("label", { title: parameter.description ?? "" }, parameter.name, input);
}

/** The address of a call with the values of its form, and the headers that the form and the caller say. */
function readForm(form, path) {
  const query = new URLSearchParams();
  const headers = new Headers();
  let address = path;
  for (const input of [...caller.elements, ...form.querySelectorAll("input")]) {
    if (!input.value) continue;
    const { place } = input.dataset;
    if (place === "path") address = address.replace(`{${input.name}}`, encodeURIComponent(input.value));
    else if (place === "query") {
      for (const value of input.dataset.list ? input.value.split(",") : [input.value]) query.append(input.name, value);
    } else headers.set(input.name, input.name === "Authorization" ? `Bearer ${input.value}` : input.value);
  }
  return { address: query.size ? `${address}?${query}` : address, headers };
}

/** The body as people read it: JSON with line breaks, anything else as it is. */
function readable(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

/** Send the call and show what comes. */
async function send(form, method, path, shown) {
  const { address, headers } = readForm(form, path);
  const text = form.querySelector("textarea")?.value;
  if (text) headers.set("Content-Type", "application/json");
  shown.textContent = `${method} ${address} ...`;
  try {
    const answer = await fetch(address, { method, headers, body: text || undefined });
    const told = ["etag", "location", "retry-after"].filter((name) => answer.headers.has(name));
    const lines = told.map((name) => `${name}: ${answer.headers.get(name)}`);
    shown.textContent = [`${answer.status} ${answer.statusText}`, ...lines, "", readable(await answer.text())].join("\n");
  } catch (failed) {
    shown.textContent = `no answer: ${failed.message}`;
  }
}

/** One call: what it does, its form, and the answer. */
function callOf(method, path, operation) {
  const asked = operation.parameters?.filter((each) => !["X-Organization-Id", "X-User-Id"].includes(each.name)) ?? [];
  const example = operation.requestBody?.content?.["application/json"]?.example;
  const form = element("form", { autocomplete: "off" }, element("p", {}, operation.description ?? ""));
  form.append(element("div", { className: "parameters" }, ...asked.map(parameterInput)));
  if (operation.requestBody) {
    const body = element("textarea", { spellcheck: false, value: JSON.stringify(example ?? {}, null, 2) });
    form.append(element("label", {}, "Body", body));
  }
  const shown = element("pre", { ariaLive: "polite" });
  form.append(element("button", {}, "Send"), shown);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void send(form, method, path, shown);
  });
  const title = element("summary", {}, element("span", { className: "method" }, method));
  title.append(element("code", {}, path), ` ${operation.summary ?? ""}`);
  return element("details", {}, title, form);
}

/** All calls, by what they are about. */
function show(description) {
  const groups = new Map();
  for (const [path, operations] of Object.entries(description.paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      const tag = operation.tags?.[0] ?? "other";
      if (!groups.has(tag)) groups.set(tag, [element("h2", {}, tag)]);
      groups.get(tag).push(callOf(method.toUpperCase(), path, operation));
    }
  }
  main.replaceChildren(...[...groups.values()].flat());
  main.ariaBusy = "false";
}

try {
  const answer = await fetch("/openapi.json");
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  show(await answer.json());
} catch (failed) {
  main.replaceChildren(element("p", {}, `The description cannot be read: ${failed.message}`));
  main.ariaBusy = "false";
}
