// The monitor's page: draws the view that /api/events pushes. All text from the server goes into
// the document as text nodes, never as markup.
"use strict";

const SVG = "http://www.w3.org/2000/svg";
const SIGNS = { ok: "✓", warning: "!", failed: "✕", unknown: "?" };
const STATE_WORDS = { ok: "works", warning: "in part", failed: "failed", unknown: "unknown" };
const WORK_UNITS = { lb: "packets/s", web: "requests/s", app: "requests/s" };
const NARROW = 760; // Pixels below which the picture runs from top to bottom.

// Columns of the picture, left to right; the monitor stands below all of them.
const RANKS = [["client"], ["dns", "vip"], ["lb"], ["web"], ["app"], ["db"]];
const BOX = { width: 112, height: 50 };

const byId = (id) => document.getElementById(id);
let drawn = null; // What the picture was last laid out for, and its elements.

function element(name, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// --- Layout ---

function placesOf(view) {
  const has = (kind) => view.edges.some((edge) => edge.kind === kind);
  const places = [];
  RANKS.forEach((roles, rank) => {
    const names = [];
    for (const role of roles) {
      if (role === "client" && has("client")) names.push({ name: "client", role });
      else if (role === "dns" && has("dns")) names.push({ name: "dns", role });
      else if (role === "vip" && view.routers.length) names.push({ name: "vip", role });
      else names.push(...view.nodes.filter((node) => node.role === role));
    }
    names.forEach((node, row) => places.push({ name: node.name, role: node.role, rank, row, rows: names.length }));
  });
  places.push({ name: view.monitor, role: "monitor", rank: -1, row: 0, rows: 1 });
  return places;
}

function layout(view, narrow) {
  const places = placesOf(view);
  const most = Math.max(...places.map((place) => place.rows), 2);
  const ranks = RANKS.length;
  const gap = narrow ? { rank: 92, row: 124 } : { rank: 186, row: 104 };
  const span = most * gap.row;
  const length = ranks * gap.rank;
  for (const place of places) {
    const along = place.rank < 0 ? length / 2 : (place.rank + 0.5) * gap.rank;
    const across = place.rank < 0 ? span + (narrow ? 66 : 62) : ((place.row + 0.5) / place.rows) * span;
    place.x = narrow ? across : along;
    place.y = narrow ? along : across;
  }
  return {
    places,
    width: narrow ? span + 130 : length,
    height: narrow ? length : span + 100,
  };
}

// The line between two boxes: straight, or bent where both stand in the same column.
function route(from, to, narrow) {
  if (from.rank === to.rank && from.rank >= 0) {
    const half = narrow ? BOX.width / 2 : BOX.height / 2;
    return narrow
      ? `M${from.x + half} ${from.y}L${to.x - half} ${to.y}`
      : `M${from.x} ${from.y + half}L${to.x} ${to.y - half}`;
  }
  if (from.role === "monitor") {
    return narrow
      ? `M${from.x - BOX.width / 2} ${from.y}L${to.x + BOX.width / 2} ${to.y}`
      : `M${from.x} ${from.y - BOX.height / 2}L${to.x} ${to.y + BOX.height / 2}`;
  }
  return narrow
    ? `M${from.x} ${from.y + BOX.height / 2}L${to.x} ${to.y - BOX.height / 2}`
    : `M${from.x + BOX.width / 2} ${from.y}L${to.x - BOX.width / 2} ${to.y}`;
}

// --- Picture ---

function tell(subject, item) {
  byId("detail").textContent = `${subject}: ${STATE_WORDS[item.state]}: ${item.reason || "nothing seen yet"}`;
}

function reachable(target, subject, read) {
  target.setAttribute("tabindex", "0");
  for (const event of ["mouseenter", "focus", "click"]) target.addEventListener(event, () => tell(subject, read()));
}

function draw(view, narrow) {
  const plan = layout(view, narrow);
  const picture = byId("picture");
  const at = new Map(plan.places.map((place) => [place.name, place]));
  const edges = new Map();
  const nodes = new Map();
  picture.replaceChildren();
  picture.setAttribute("viewBox", `0 0 ${plan.width} ${plan.height}`);
  view.edges.forEach((edge, index) => {
    const from = at.get(edge.from), to = at.get(edge.to);
    if (!from || !to) return;
    const line = element("path", { d: route(from, to, narrow), "data-from": edge.from, "data-to": edge.to });
    reachable(line, `${edge.from} to ${edge.to}`, () => drawn.view.edges[index]);
    edges.set(index, line);
    picture.append(line);
  });
  for (const place of plan.places) {
    const title = element("text", { x: place.x, y: place.y - 1 });
    const sub = element("text", { x: place.x, y: place.y + 15, class: "sub" });
    const sign = element("text", { x: place.x + BOX.width / 2, y: place.y - BOX.height / 2 + 4.5, class: "sign" });
    const group = element("g", { "data-node": place.name },
      element("rect", { x: place.x - BOX.width / 2, y: place.y - BOX.height / 2, width: BOX.width, height: BOX.height, rx: 9 }),
      title, sub,
      element("circle", { cx: place.x + BOX.width / 2, cy: place.y - BOX.height / 2, r: 10 }), sign);
    title.textContent = place.name;
    reachable(group, place.name, () => stateOf(drawn.view, place));
    nodes.set(place.name, { place, group, sub, sign });
    picture.append(group);
  }
  drawn = { key: keyOf(view, narrow), view, edges, nodes };
}

const keyOf = (view, narrow) =>
  JSON.stringify([narrow, view.nodes.map((node) => node.name), view.edges.map((edge) => [edge.from, edge.to, edge.kind])]);

const RANKED = ["ok", "unknown", "warning", "failed"];
const worst = (items) =>
  items.reduce((a, b) => (RANKED.indexOf(b.state) > RANKED.indexOf(a.state) ? b : a),
    items[0] || { state: "unknown", reason: "" });

// State and second line of any box, also of those that are not nodes.
function stateOf(view, place) {
  const edge = (kind) => view.edges.find((one) => one.kind === kind);
  switch (place.role) {
    case "client": return { ...edge("client"), sub: "outside" };
    case "dns": return { ...edge("dns"), sub: `${view.site.dns_ms.toFixed(1)} ms` };
    case "vip": return { ...worst(view.routers), sub: view.routers.flatMap((one) => one.addresses)[0] || "" };
    case "monitor": return { state: "ok", reason: "this page", sub: "watches all" };
    default: {
      const node = view.nodes.find((one) => one.name === place.name);
      return { ...node, sub: workOf(node) };
    }
  }
}

function rate(perSecond) {
  return perSecond < 10 ? perSecond.toFixed(1) : `${Math.round(perSecond)}`;
}

function workOf(node) {
  if (node.role === "db") {
    if (!node.database) return "database";
    if (node.database.replica) return node.database.lag_s === null ? "replica" : `replica, ${node.database.lag_s} s behind`;
    return node.database.read_only ? "read-only" : "primary";
  }
  return `${rate(node.rate)} ${WORK_UNITS[node.role]}`;
}

function colour(view) {
  drawn.view = view;
  drawn.edges.forEach((line, index) => {
    const edge = view.edges[index];
    const classes = ["edge", edge.kind, edge.state];
    if (edge.kind === "holds") classes.push(edge.active ? "active" : "standby");
    line.setAttribute("class", classes.join(" "));
    line.setAttribute("data-state", edge.state);
  });
  drawn.nodes.forEach(({ place, group, sub, sign }) => {
    const item = stateOf(view, place);
    group.setAttribute("class", `node ${item.state}`);
    group.setAttribute("data-state", item.state);
    group.setAttribute("aria-label", `${place.name}: ${STATE_WORDS[item.state]}`);
    sub.textContent = item.sub;
    sign.textContent = SIGNS[item.state];
  });
}

// --- Tables ---

function age(seconds) {
  const units = [["d", 86400], ["h", 3600], ["min", 60]];
  for (const [unit, size] of units) if (seconds >= size) return `${Math.floor(seconds / size)} ${unit}`;
  return `${Math.floor(seconds)} s`;
}

function row(cells) {
  const tr = document.createElement("tr");
  for (const cell of cells) {
    const td = document.createElement("td");
    if (cell && cell.state) {
      td.className = `state ${cell.state}`;
      td.textContent = `${SIGNS[cell.state]} ${STATE_WORDS[cell.state]}`;
    } else if (cell && cell.why !== undefined) {
      td.className = "why";
      td.textContent = cell.why;
    } else {
      td.textContent = cell;
    }
    tr.append(td);
  }
  return tr;
}

function fill(id, rows) {
  byId(id).tBodies[0].replaceChildren(...rows.map(row));
}

const clock = (ms) => new Date(ms).toISOString().slice(0, 19).replace("T", " ");

function tables(view) {
  fill("routers", view.routers.map((one) =>
    [one.name, { why: one.addresses.join(", ") }, one.holders.join(", ") || "none", { state: one.state }, age(one.for_s)]));
  fill("site", view.site.addresses.map((one) =>
    [one.address, { state: one.state }, one.reason, `${one.total_ms.toFixed(1)} ms`]));
  fill("nodes", view.nodes.map((one) =>
    [one.name, one.role, { state: one.state }, { why: one.reason }, age(one.for_s), workOf(one)]));
  fill("edges", view.edges.map((one) =>
    [one.from, one.to, { state: one.state }, { why: one.reason }, age(one.for_s)]));
  fill("services", view.services.map((one) =>
    [one.name, one.protocol, one.address, one.port || "any", one.mode, { state: one.state },
      `${one.backends_up} of ${one.backends}`, one.holder || "nobody", rate(one.rate)]));
  const more = view.n_services - view.services.length;
  byId("more-services").textContent = more ? `and ${more} more: weirctl services` : "";
  fill("events", view.events.map((one) =>
    [clock(one.time_ms), one.subject, `${STATE_WORDS[one.from]} → ${STATE_WORDS[one.to]}`, { why: one.reason }]));
}

function verdict(view) {
  const bad = [...view.nodes, ...view.routers].filter((item) => item.state !== "ok");
  const outside = view.edges.filter((edge) => (edge.kind === "client" || edge.kind === "dns") && edge.state !== "ok");
  const item = worst([...bad, ...outside]);
  const box = byId("verdict");
  box.className = `state ${bad.length + outside.length ? item.state : "ok"}`;
  box.textContent = bad.length + outside.length
    ? `${SIGNS[item.state]} ${[...bad.map((one) => one.name), ...outside.map((one) => one.to)].join(", ")}: see below`
    : `${SIGNS.ok} all is well`;
  document.title = `${bad.length + outside.length ? SIGNS[item.state] : SIGNS.ok} weir ${view.cluster}`;
  byId("cluster").textContent = view.cluster;
}

function show(view) {
  const narrow = window.innerWidth < NARROW;
  if (!drawn || drawn.key !== keyOf(view, narrow)) draw(view, narrow);
  colour(view);
  tables(view);
  verdict(view);
}

// --- Life ---

function listen() {
  const events = new EventSource("/api/events");
  events.onmessage = (event) => {
    const view = JSON.parse(event.data);
    byId("link").textContent = `seen ${clock(view.time_ms).slice(11)} UTC`;
    show(view);
  };
  events.onerror = () => {
    byId("link").textContent = "the monitor does not answer; trying again …";
  };
}

window.addEventListener("resize", () => drawn && show(drawn.view));
listen();
