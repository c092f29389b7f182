// Fetches the chart's script once. What stands here is sent with every update.
const chart = (data) => import(new URL(data.script, document.baseURI));

export default function (component) {
  let remove = null;
  let gone = false;
  chart(component.data).then((module) => {
    if (!gone) remove = module.default(component);
  });
  return () => {
    gone = true;
    if (remove) remove();
  };
}
