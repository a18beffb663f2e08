/* Small manners of every page: menus close, navigations show where one is, forms with data-confirm ask, buttons with data-dialog open their dialog. */
document.addEventListener('click', (event) => {
  for (const menu of document.querySelectorAll('details.menu[open]')) {
    if (!menu.contains(event.target)) menu.open = false;
  }
  const opener = event.target.closest('[data-dialog]');
  if (opener) document.getElementById(opener.dataset.dialog)?.showModal();
});

document.addEventListener('keydown', (event) => {
  if (event.key !== 'Escape') return;
  for (const menu of document.querySelectorAll('details.menu[open]')) {
    menu.open = false;
    menu.querySelector('summary').focus();
  }
});

// In the capture phase, so that htmx does not see a form that was not meant.
document.addEventListener(
  'submit',
  (event) => {
    const question = event.target.dataset.confirm;
    if (question && !window.confirm(question)) {
      event.preventDefault();
      event.stopPropagation();
    }
  },
  true,
);

/* A navigation that scrolls sideways begins with the page that is open. */
for (const current of document.querySelectorAll(':is(.side, .tabs) [aria-current]')) {
  const nav = current.closest('nav');
  const [own, around] = [current.getBoundingClientRect(), nav.getBoundingClientRect()];
  nav.scrollLeft += own.left - around.left - (around.width - own.width) / 2;
}

/** Its dialog stands open in the page for those without scripts; here it waits for its button. */
class Dialog extends HTMLElement {
  connectedCallback() {
    const dialog = this.querySelector('dialog');
    dialog.removeAttribute('open');
    dialog.addEventListener('click', (event) => {
      if (event.target === dialog || event.target.closest('[data-close]')) dialog.close();
    });
  }
}
customElements.define('t-dialog', Dialog);

/** A slider and a number that say the same; only the number is sent. */
class Range extends HTMLElement {
  connectedCallback() {
    const [slider, number] = this.querySelectorAll('input');
    slider.addEventListener('input', () => {
      number.value = slider.value;
      number.dispatchEvent(new Event('input', { bubbles: true }));
    });
    number.addEventListener('input', () => {
      slider.value = number.value;
    });
  }
}
customElements.define('t-range', Range);

/** Ctrl+Enter runs the tool from any of its fields. */
class Tool extends HTMLElement {
  connectedCallback() {
    this.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        this.querySelector('form').requestSubmit();
      }
    });
  }
}
customElements.define('t-tool', Tool);
