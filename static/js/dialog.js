// <button data-dialog="id"> opens <dialog id="id">; a click on the backdrop closes it. Esc is the browser's.

document.addEventListener("click", (event) => {
  const opener = event.target.closest?.("[data-dialog]");
  if (opener) {
    document.getElementById(opener.dataset.dialog)?.showModal();
    event.preventDefault();
    return;
  }
  if (event.target instanceof HTMLDialogElement && event.target.classList.contains("dialog")) {
    const box = event.target.getBoundingClientRect();
    const inside =
      event.clientX >= box.left && event.clientX <= box.right &&
      event.clientY >= box.top && event.clientY <= box.bottom;
    if (!inside) event.target.close();
  }
});
