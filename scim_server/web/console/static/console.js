// What is quicker with JavaScript; everything works without.
"use strict";

for (const button of document.querySelectorAll("[data-theme-switch]")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    const other = document.documentElement.getAttribute("data-bs-theme") === "dark" ? "light" : "dark";
    document.documentElement.setAttribute("data-bs-theme", other);
    try { localStorage.setItem("theme", other); } catch { /* It holds for this page. */ }
  });
}

// data-copy="ID" copies the text of an element, and says so with data-copied.
for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent.trim());
    button.textContent = button.dataset.copied;
  });
}

// A menu closes with Escape, and the focus goes back to what opened it.
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const open = document.querySelector("details.menu[open]");
  if (open) { open.removeAttribute("open"); open.querySelector("summary").focus(); }
});

// data-refresh="SECONDS" reads a part of the page anew, until the server leaves the attribute out.
const refresh = (part) => setTimeout(async () => {
  try {
    const answer = await fetch(location.href);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const now = page.getElementById(part.id);
    // What is the same is left alone, so that nobody is told of it again.
    if (answer.ok && now && now.outerHTML !== part.outerHTML) { part.replaceWith(now); part = now; }
  } catch { /* The next time may do. */ }
  if (part.dataset.refresh) refresh(part);
}, Number(part.dataset.refresh) * 1000);
for (const part of document.querySelectorAll("[data-refresh]")) refresh(part);

// data-cancel names the link that leaves an editable row: Escape follows it; Enter sends the form, as it does anyway.
for (const form of document.querySelectorAll("[data-cancel]")) {
  form.addEventListener("keydown", (event) => {
    if (event.key === "Escape") location.assign(document.getElementById(form.dataset.cancel).href);
  });
}
