/* Keyboard shortcuts of the list. Nothing else depends on this script. */
"use strict";
(() => {
  const search = document.getElementById("searchbar");
  const help = document.querySelector(".help-panel");
  const links = () =>
    [...document.querySelectorAll("#result_list th.field-when a")].filter((link) => link.offsetParent);

  function move(step) {
    const all = links();
    const at = all.indexOf(document.activeElement);
    const next = all[at < 0 ? 0 : Math.min(all.length - 1, Math.max(0, at + step))];
    if (next) next.focus();
  }

  const keys = {
    "/": () => { search.focus(); search.select(); },
    "?": () => { help.open = !help.open; },
    j: () => move(1),
    k: () => move(-1),
    o: () => { if (links().includes(document.activeElement)) document.activeElement.click(); },
  };

  document.addEventListener("keydown", (event) => {
    const isTyping = event.target.closest("input, textarea, select, [contenteditable]");
    if (isTyping || event.ctrlKey || event.metaKey || event.altKey || !search) return;
    if (!(event.key in keys)) return;
    event.preventDefault();
    keys[event.key]();
  });
})();
