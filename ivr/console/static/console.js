// What no page can do without a script: copying a link, confirming what cannot be undone.
"use strict";

document.addEventListener("click", (event) => {
  const code = event.target.closest("code.copy");
  if (code) getSelection().selectAllChildren(code);
});

document.addEventListener("submit", (event) => {
  const question = event.target.dataset.confirm;
  if (question && !confirm(question)) event.preventDefault();
});
