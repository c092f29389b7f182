// Draws a Plotly figure on one <div> that stays as long as the chart does.

const CONFIG = {
  displaylogo: false,
  // On by default, and would upload the chart.
  showSendToCloud: false,
  plotlyServerURL: "",
  modeBarButtonsToRemove: ["select2d", "lasso2d", "zoomIn2d", "zoomOut2d", "autoScale2d"],
  toImageButtonOptions: { format: "svg" },
};

// How long after the end of a drag new data still waits.
const SETTLING_MS = 100;

const charts = new WeakMap(); // parent element -> chart

// Streamlit calls this for every change of the data or of the theme.
export default function ({ data, parentElement, setTriggerValue }) {
  if (!charts.has(parentElement)) charts.set(parentElement, new Chart(parentElement));
  const chart = charts.get(parentElement);
  chart.onClick = (x, y) => setTriggerValue("clicked", { x, y });
  chart.show(data);
  return () => {
    charts.delete(parentElement);
    chart.remove();
  };
}

class Chart {
  constructor(parent) {
    this.div = document.createElement("div");
    this.div.className = "wrn-live-chart";
    this.div.setAttribute("role", "figure");
    parent.append(this.div);

    this.resizing = new ResizeObserver(() => this.resize());
    this.resizing.observe(this.div);

    // New data in the middle of a drag would break it off: wait for its end.
    this.held = false;
    this.div.addEventListener("pointerdown", () => {
      clearTimeout(this.releasing);
      this.held = true;
    });
    this.release = () => {
      if (!this.held) return;
      // Plotly takes the end of a drag from the mouse event that follows this one.
      this.releasing = setTimeout(() => {
        this.held = false;
        this.draw();
      }, SETTLING_MS);
    };
    window.addEventListener("pointerup", this.release);
    window.addEventListener("pointercancel", this.release);
  }

  show(data) {
    this.data = data;
    this.outdated = true;
    // With the labels, a square chart is a little higher than wide.
    this.div.style.height = data.square
      ? `min(${data.height}px, 115vw)`
      : `${data.height}px`;
    this.div.setAttribute("aria-label", data.alt);
    this.draw();
  }

  async draw() {
    try {
      // The browser loads a module once a page, however often it is imported.
      await import(new URL(this.data.plotly, document.baseURI));
    } catch {
      this.div.textContent = "Plotly could not be loaded. Please reload the page.";
      return;
    }
    // Meanwhile newer data may have come, or the chart may have gone.
    if (this.held || !this.outdated || !this.div.isConnected) return;
    this.outdated = false;
    const first = !this.drawn;
    // What may stand there says that an earlier try has failed.
    if (first) this.div.textContent = "";
    this.drawn = true;
    const { data, layout } = JSON.parse(this.data.figure);
    layout.template = template(getComputedStyle(this.div));
    layout.uirevision = "constant";
    layout.autosize = true;
    await window.Plotly.react(this.div, data, layout, CONFIG);
    if (!first) return;
    this.div.on("plotly_click", ({ points: [point] }) => {
      if (this.data.clickable && point) this.onClick(point.x, point.y);
    });
  }

  resize() {
    // A chart in a folded box has no size; it is drawn when the box unfolds.
    if (!this.drawn || !this.div.clientWidth) return;
    const { Plots, redraw } = window.Plotly;
    // Else a legend that has other rows now stays where its old ones were.
    Plots.resize(this.div).then(() => this.div.isConnected && redraw(this.div));
  }

  remove() {
    this.resizing.disconnect();
    window.removeEventListener("pointerup", this.release);
    window.removeEventListener("pointercancel", this.release);
    if (this.drawn) window.Plotly.purge(this.div);
    this.div.remove();
  }
}

// Whether a colour, however it is written, is nearer to black than to white.
function isDark(color) {
  const canvas = document.createElement("canvas").getContext("2d");
  canvas.fillStyle = color;
  const parts = canvas.fillStyle.match(/\w\w/g).map((part) => parseInt(part, 16));
  return parts[0] + parts[1] + parts[2] < 384;
}

// Colours and font of Streamlit's theme as a Plotly template.
function template(style) {
  const theme = (name) => style.getPropertyValue(`--st-${name}`).trim();
  const background = theme("background-color");
  const text = theme("text-color");
  const font = theme("font");
  const border = theme("border-color");
  const axis = {
    gridcolor: theme("border-color-light") || border,
    linecolor: border,
    zeroline: false,
    ticks: "",
    ticklabelstandoff: 4,
    title: { standoff: 8, font: { size: 13 } },
  };
  return {
    layout: {
      font: { family: font, color: text, size: 13 },
      paper_bgcolor: background,
      plot_bgcolor: background,
      xaxis: axis,
      yaxis: axis,
      hoverlabel: {
        bgcolor: theme("secondary-background-color"),
        bordercolor: border,
        font: { family: font, color: text, size: 13 },
      },
      modebar: {
        bgcolor: "rgba(0,0,0,0)",
        color: theme("gray-text-color"),
        activecolor: text,
      },
    },
    data: {
      heatmap: [
        {
          colorscale: [
            [0, theme("secondary-background-color")],
            [1, isDark(background) ? "#1f5ce0" : "#3b82d6"],
          ],
          // Plotly's own choice would be too pale on cells in the middle.
          textfont: { color: text },
        },
      ],
    },
  };
}
