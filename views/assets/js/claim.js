/** The form of a claim: does a small sum while the person types, in place of twenty seconds of waiting. */
class Claim extends HTMLElement {
  async connectedCallback() {
    const form = this.querySelector('form');
    // only where the page came by https, or from this machine
    if (!crypto.subtle || form.elements.sum.value) return;
    const bits = Number(this.dataset.bits);
    const encoder = new TextEncoder();
    for (let n = 0; this.isConnected; n += 1) {
      const bytes = encoder.encode(`${form.elements.ticket.value}:${n}`);
      const head = new DataView(await crypto.subtle.digest('SHA-256', bytes)).getUint32(0);
      if (head >>> (32 - bits) !== 0) continue;
      form.elements.sum.value = String(n);
      this.querySelector('.claim-wait').hidden = true;
      return;
    }
  }
}
customElements.define('t-claim', Claim);

/** Writes the SHA-256 of chosen files into the field: the files themselves stay where they are. */
class Hashes extends HTMLElement {
  connectedCallback() {
    if (!crypto.subtle || this.input) return;
    this.input = document.createElement('input');
    Object.assign(this.input, { type: 'file', multiple: true, className: 'input', ariaLabel: this.dataset.label });
    this.input.addEventListener('change', () => this.read());
    this.append(this.input);
  }

  async read() {
    const field = this.querySelector('textarea');
    for (const file of this.input.files) {
      const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', await file.arrayBuffer()));
      const hex = [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('');
      if (!field.value.includes(hex)) field.value = `${field.value}${field.value ? '\n' : ''}${hex}`;
    }
    this.input.value = '';
  }
}
customElements.define('t-hashes', Hashes);

/** Takes the secret of a case out of the address, where no server sees it, and sends it as the form would. */
class ClaimKey extends HTMLElement {
  connectedCallback() {
    this.onHash = () => this.open();
    window.addEventListener('hashchange', this.onHash);
    this.open();
  }

  disconnectedCallback() {
    window.removeEventListener('hashchange', this.onHash);
  }

  open() {
    const secret = location.hash.slice(1);
    if (!secret) return;
    history.replaceState(null, '', location.pathname);
    const form = this.querySelector('form');
    form.elements.secret.value = secret;
    form.requestSubmit();
  }
}
customElements.define('t-claim-key', ClaimKey);
