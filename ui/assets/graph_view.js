// Draws the graph that wrn.graph laid out. Text enters by textContent and
// setAttribute only, never as markup.

const SVG = "http://www.w3.org/2000/svg";
const MARGIN = 16; // around a fitted graph, in pixels of the screen
const LEAST_HEIGHT = 240;
const GREATEST_HEIGHT = 580;
const LARGEST_FIT = 1.2; // a small graph is not blown up further
const STEP = 1.25; // of one press on + or −
const PAN = 60; // of one arrow key, in pixels of the screen

const views = new WeakMap();

// Streamlit calls this at the first drawing and whenever the data change. While the script
// is being loaded, the call with older data can come last; Streamlit then undoes it at once.
export default function ({ data, parentElement, setStateValue }) {
  const drawing = setTimeout(() => {
    let view = views.get(parentElement);
    if (!view) {
      view = new View(parentElement);
      views.set(parentElement, view);
    }
    view.onSelect = (id) => setStateValue("selected", id);
    view.show(data);
  });
  return () => clearTimeout(drawing);
}

class View {
  constructor(root) {
    this.frame = root.querySelector(".frame");
    this.svg = root.querySelector("svg");
    this.legend = root.querySelector(".legend");
    this.spoken = root.querySelector(".spoken");
    this.selected = null;
    this.size = "";
    this.pointers = new Map();
    this.listen();
    new ResizeObserver(() => this.resize()).observe(this.frame);
  }

  show(graph) {
    this.graph = graph;
    this.frame.setAttribute(
      "aria-label",
      `Graph of ${graph.name}. Keys: plus and minus zoom, 0 fits, arrows move, ` +
        "n and p select the next and the previous node, Escape selects none.",
    );
    this.svg.setAttribute("aria-label", graph.description);
    // Of whole groups there is nothing to explain.
    this.legend.hidden = !graph.frames.some((frame) => frame.id === "group1");
    this.svg.querySelector("defs").replaceChildren(arrow("main"), arrow("shortcut"), dot());
    this.content = element("g", {}, [
      ...graph.frames.map(drawFrame),
      // The dots of the shortcuts lie over the main lines.
      ...graph.edges.filter((e) => !e.shortcut).map(drawEdge),
      ...graph.edges.filter((e) => e.shortcut).map(drawEdge),
      ...graph.nodes.map(drawNode),
    ]);
    this.svg.querySelector(":scope > g").replaceWith(this.content);
    this.mark();
    const size = `${graph.level} ${graph.width}x${graph.height}`;
    if (size !== this.size) {
      this.size = size;
      this.fitted = true;
    }
    this.resize();
  }

  // The view: (x, y) is the upper left corner in the graph's pixels.

  resize() {
    const width = this.frame.clientWidth;
    if (!width || !this.graph) return;
    const wanted = (width * this.graph.height) / this.graph.width + 2 * MARGIN;
    this.width = width;
    this.height = Math.min(Math.max(wanted, LEAST_HEIGHT), GREATEST_HEIGHT);
    this.svg.setAttribute("height", this.height);
    if (this.fitted) this.fit();
    else this.apply();
  }

  fitScale() {
    return Math.min(
      (this.width - 2 * MARGIN) / this.graph.width,
      (this.height - 2 * MARGIN) / this.graph.height,
      LARGEST_FIT,
    );
  }

  fit() {
    this.scale = this.fitScale();
    this.x = (this.graph.width - this.width / this.scale) / 2;
    this.y = (this.graph.height - this.height / this.scale) / 2;
    this.fitted = true;
    this.apply();
  }

  // Zooms by a factor; the point (px, py) of the view stays where it is.
  zoom(factor, px = this.width / 2, py = this.height / 2) {
    const least = this.fitScale();
    const scale = Math.min(Math.max(this.scale * factor, least), Math.max(4, least));
    if (scale === least) return this.fit();
    this.x += px / this.scale - px / scale;
    this.y += py / this.scale - py / scale;
    this.scale = scale;
    this.fitted = false;
    this.apply();
  }

  pan(dx, dy) {
    this.x += dx / this.scale;
    this.y += dy / this.scale;
    this.fitted = false;
    this.apply();
  }

  apply() {
    // Half of the view always shows the graph, so that it cannot get lost.
    const w = this.width / this.scale;
    const h = this.height / this.scale;
    this.x = Math.min(Math.max(this.x, -w / 2), this.graph.width - w / 2);
    this.y = Math.min(Math.max(this.y, -h / 2), this.graph.height - h / 2);
    this.svg.setAttribute("viewBox", `${this.x} ${this.y} ${w} ${h}`);
    this.svg.classList.toggle("zoomed", !this.fitted);
  }

  // Selection.

  select(id) {
    if (id === this.selected) return;
    this.selected = id;
    this.mark();
    const node = this.graph.nodes.find((each) => each.id === id);
    this.spoken.textContent = node ? node.tooltip.replaceAll("\n", ", ") : "";
    this.onSelect(id);
  }

  selectNext(step) {
    const ids = this.graph.nodes.map((node) => node.id);
    const at = ids.indexOf(this.selected);
    const next = at < 0 ? (step > 0 ? 0 : ids.length - 1) : at + step;
    if (ids[next] !== undefined) this.select(ids[next]);
  }

  mark() {
    for (const shape of this.content.children) {
      const { id, source, target } = shape.dataset;
      const hit = this.selected && [id, source, target].includes(this.selected);
      shape.classList.toggle("selected", Boolean(hit));
    }
  }

  // Mouse, fingers, keys.

  listen() {
    const { svg, frame, pointers } = this;
    const act = { in: () => this.zoom(STEP), out: () => this.zoom(1 / STEP), fit: () => this.fit() };
    for (const button of frame.querySelectorAll("button")) {
      button.onclick = () => act[button.dataset.do]();
    }
    frame.onkeydown = (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const keys = {
        "+": act.in, "=": act.in, "-": act.out, "0": act.fit,
        ArrowLeft: () => this.pan(-PAN, 0), ArrowRight: () => this.pan(PAN, 0),
        ArrowUp: () => this.pan(0, -PAN), ArrowDown: () => this.pan(0, PAN),
        n: () => this.selectNext(1), p: () => this.selectNext(-1),
        Escape: () => this.select(null),
      };
      if (!keys[event.key]) return;
      keys[event.key]();
      event.preventDefault();
      event.stopPropagation();
    };
    const onWheel = (event) => {
      // A fitted graph leaves scrolling down to the page.
      if (this.fitted && event.deltaY > 0) return;
      event.preventDefault();
      const lines = event.deltaMode === 1 ? 16 : 1;
      const amount = Math.max(-120, Math.min(120, event.deltaY * lines));
      this.zoom(Math.exp(-amount / 400), ...this.place(event));
    };
    svg.addEventListener("wheel", onWheel, { passive: false });
    svg.onpointerdown = (event) => {
      if (event.button) return;
      pointers.set(event.pointerId, this.place(event));
      this.moved = false;
      this.pressed = event.target.closest(".node")?.dataset.id ?? null;
    };
    svg.onpointermove = (event) => this.drag(event);
    svg.onpointerup = (event) => {
      if (pointers.delete(event.pointerId) && !this.moved) this.select(this.pressed);
      svg.classList.remove("dragging");
    };
    svg.onpointercancel = (event) => this.drop(event);
  }

  drop(event) {
    this.pointers.delete(event.pointerId);
    this.svg.classList.remove("dragging");
  }

  drag(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    // It was released outside, before it was captured.
    if (!event.buttons) return this.drop(event);
    const now = this.place(event);
    const [dx, dy] = [now[0] - before[0], now[1] - before[1]];
    if (!this.moved && Math.hypot(dx, dy) < 4) return;
    const other = [...this.pointers].find(([id]) => id !== event.pointerId)?.[1];
    this.pointers.set(event.pointerId, now);
    if (!this.moved) {
      this.moved = true;
      this.svg.setPointerCapture(event.pointerId);
      this.svg.classList.add("dragging");
    }
    if (!other) return this.pan(-dx, -dy);
    const span = (point) => Math.hypot(point[0] - other[0], point[1] - other[1]);
    this.zoom(span(now) / Math.max(span(before), 1), ...other);
  }

  place(event) {
    const box = this.svg.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }
}

function element(name, attributes, children = []) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function text(content, attributes) {
  const made = element("text", attributes);
  made.textContent = content;
  return made;
}

function box({ x, y, width, height }, radius) {
  return element("rect", { x, y, width, height, rx: radius });
}

function arrow(kind) {
  return element(
    "marker",
    {
      id: `arrow-${kind}`, viewBox: "0 0 6 6", refX: 5, refY: 3, orient: "auto",
      markerWidth: 6, markerHeight: 6, markerUnits: "userSpaceOnUse",
    },
    [element("path", { class: `arrow ${kind}`, d: "M0 0 L6 3 L0 6 Z" })],
  );
}

// Where a shortcut branches off.
function dot() {
  return element(
    "marker",
    {
      id: "branch", viewBox: "-3 -3 6 6",
      markerWidth: 6, markerHeight: 6, markerUnits: "userSpaceOnUse",
    },
    [element("circle", { class: "arrow shortcut", r: 3 })],
  );
}

function drawFrame(frame) {
  const y = frame.y + 17;
  const isPart = frame.kind === "part";
  return element("g", { class: isPart ? "part" : "card" }, [
    box(frame, isPart ? 12 : 8),
    text(frame.title, { x: frame.x + 12, y }),
    text(frame.note, { class: "note", x: frame.x + frame.width - 12, y, "text-anchor": "end" }),
  ]);
}

function drawEdge(edge) {
  const kind = edge.shortcut ? "shortcut" : "main";
  return element("path", {
    class: `edge ${kind}`,
    d: roundedPath(edge.points, edge.shortcut ? 10 : 8),
    "marker-start": edge.shortcut && !edge.source.endsWith("_shortcut") ? "url(#branch)" : "",
    "marker-end": `url(#arrow-${kind})`,
    "data-source": edge.source,
    "data-target": edge.target,
  });
}

function drawNode(node) {
  const { x, y, width, height } = node;
  const lineHeight = node.lines.length > 2 ? 18 : 14;
  const first = y + height / 2 + 4 - ((node.lines.length - 1) * lineHeight) / 2;
  const label = element(
    "text",
    {},
    node.lines.map((line, i) => {
      const part = element("tspan", { x: x + width / 2, y: first + i * lineHeight });
      part.textContent = line;
      return part;
    }),
  );
  const title = element("title", {});
  title.textContent = node.tooltip;
  const radius = node.kind === "add" ? height / 2 : 8;
  return element("g", { class: `node ${node.kind}`, "data-id": node.id }, [
    title,
    box(node, radius),
    label,
  ]);
}

// A line through the points with its corners rounded off.
function roundedPath(points, radius) {
  let path = `M${points[0].join(" ")}`;
  for (let i = 1; i < points.length - 1; i++) {
    const here = points[i];
    const before = toward(here, points[i - 1], radius);
    const after = toward(here, points[i + 1], radius);
    path += ` L${before.join(" ")} Q${here.join(" ")} ${after.join(" ")}`;
  }
  return `${path} L${points.at(-1).join(" ")}`;
}

function toward([x, y], [otherX, otherY], distance) {
  const length = Math.hypot(otherX - x, otherY - y) || 1;
  const part = Math.min(distance, length / 2) / length;
  return [x + (otherX - x) * part, y + (otherY - y) * part];
}
