/** The theme switch. The choice is a cookie, so that the next page is right from its first byte. */
class Theme extends HTMLElement {
  connectedCallback() {
    this.show();
    this.addEventListener('click', (event) => {
      const choice = event.target.closest('[data-theme-choice]')?.dataset.themeChoice;
      if (!choice) return;
      // biome-ignore lint/suspicious/noDocumentCookie: Cookie Store is not in Firefox before 140.
      document.cookie = `theme=${choice}; path=/; max-age=31536000; samesite=lax`;
      document.documentElement.dataset.theme = choice;
      const scheme = document.querySelector('meta[name="color-scheme"]');
      if (scheme) scheme.content = choice === 'system' ? 'dark light' : choice;
      this.show();
    });
  }

  show() {
    const { theme } = document.documentElement.dataset;
    for (const button of this.querySelectorAll('button')) {
      button.setAttribute('aria-pressed', String(button.dataset.themeChoice === theme));
    }
  }
}
customElements.define('t-theme', Theme);
