// Before anything is drawn: the appearance that was chosen here, else that of the device.
"use strict";
(() => {
  const device = window.matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => { try { return localStorage.getItem("theme"); } catch { return null; } };
  const apply = () => document.documentElement.setAttribute("data-bs-theme", chosen() ?? (device.matches ? "dark" : "light"));
  device.addEventListener("change", apply);
  apply();
})();
