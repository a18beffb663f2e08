/**
 * Signs in with a passkey, or adds one. `data-options` gives the challenge, `data-answer` takes the reply and says where to go
 * next. A form inside is sent along with both steps. Hidden where the browser knows no passkeys.
 */
class Passkey extends HTMLElement {
  connectedCallback() {
    // the library itself comes after this file and is there by the first press
    this.hidden = !window.PublicKeyCredential;
    if (this.hidden) return;
    const form = this.querySelector('form');
    if (form) form.addEventListener('submit', (event) => this.run(event));
    else this.querySelector('button')?.addEventListener('click', (event) => this.run(event));
  }

  async run(event) {
    event.preventDefault();
    const button = this.querySelector('button');
    button.disabled = true;
    this.say('');
    try {
      const form = this.querySelector('form');
      const fields = form ? Object.fromEntries(new FormData(form)) : {};
      const optionsJSON = await this.send(this.dataset.options, fields);
      const { startRegistration, startAuthentication } = window.SimpleWebAuthnBrowser;
      const answer = form ? await startRegistration({ optionsJSON }) : await startAuthentication({ optionsJSON });
      const { url } = await this.send(this.dataset.answer, { label: fields.label, answer });
      location.assign(url);
    } catch (error) {
      // what the browser throws is in its own words and often empty: the person closed the dialog
      this.say(error.forPerson ?? this.dataset.failed);
      button.disabled = false;
    }
  }

  async send(url, body) {
    const headers = { 'content-type': 'application/json', accept: 'application/json' };
    const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
    const reply = await response.json();
    if (!response.ok) throw Object.assign(new Error(reply.error), { forPerson: reply.error });
    return reply;
  }

  say(text) {
    const status = this.querySelector('[role="status"]');
    if (status) status.textContent = text;
  }
}
customElements.define('t-passkey', Passkey);
