// Runs before the first paint, so that a dark page never flashes white. A file of its own: the server allows no inline script.
{
  const chosen = localStorage.getItem("runlore.theme");
  const dark = chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = dark ? "dark" : "light";
}
