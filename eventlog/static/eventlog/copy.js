// Buttons that copy the text of the element whose id is in data-copy.
for (const button of document.querySelectorAll("button[data-copy]")) {
  const text = document.getElementById(button.dataset.copy);
  const status = button.parentElement.querySelector("[role=status]");
  button.parentElement.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text.textContent);
      status.textContent = status.dataset.copied;
    } catch {
      // Browsers have no clipboard without HTTPS, and users may refuse it.
      getSelection().selectAllChildren(text);
      status.textContent = status.dataset.selected;
    }
  });
}
