/** A moment of the server's clock, said in the time of whoever reads; the other stays as a title. */
class When extends HTMLElement {
  connectedCallback() {
    const time = this.querySelector('time');
    if (!time || time.title) return;
    time.title = time.textContent;
    const format = { dateStyle: 'medium', timeStyle: 'short' };
    time.textContent = new Intl.DateTimeFormat(document.documentElement.lang, format).format(new Date(time.dateTime));
  }
}
customElements.define('t-when', When);
