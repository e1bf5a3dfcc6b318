// The one place where a string becomes HTML outside of htmx. Every string that comes here was rendered by the
// server for this very purpose (answer blocks and evidence items of the events stream, sanitised there by
// apps/conversations/rendering.py and the template engine). Never pass anything a person typed, a file name,
// or text taken from the page: those go through textContent.

export function setTrustedHtml(element, html) {
  element.innerHTML = html;
}
