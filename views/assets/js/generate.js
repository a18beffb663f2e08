/** Enter in a field that searches beside the form does not send the form. */
document.addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' || event.ctrlKey || event.metaKey || !event.target.closest('[data-no-submit]')) return;
  event.preventDefault();
  event.target.dispatchEvent(new Event('search', { bubbles: true }));
});
