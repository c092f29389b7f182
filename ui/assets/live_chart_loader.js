// Fetches the chart's script once. What stands here is sent with every update.
const chart = (data) => import(new URL(data.script, document.baseURI));

export default function (component) {
  let remove = null;
  let gone = false;
  const told = "The chart could not be loaded. Please reload the page.";
  chart(component.data).then(
    (module) => {
      if (!gone) remove = module.default(component);
    },
    () => (component.parentElement.textContent = told),
  );
  return () => {
    gone = true;
    if (remove) remove();
  };
}
