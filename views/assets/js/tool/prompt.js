/** Ctrl+Up and Ctrl+Down change the weight of the selection, or of the word at the caret, as A1111 writes it: (word:1.1). */
class Prompt extends HTMLElement {
  connectedCallback() {
    this.area = this.querySelector('textarea');
    this.area.addEventListener('keydown', (event) => {
      if (!(event.ctrlKey || event.metaKey) || event.altKey) return;
      const step = { ArrowUp: 1, ArrowDown: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      this.weigh(step);
    });
  }

  weigh(step) {
    const [start, end] = this.span();
    if (start === end) return;
    const { value } = this.area;
    // already (words:1.1) around what is chosen, or chosen with its brackets
    const inner = /^\(([\s\S]*):(\d+(?:\.\d+)?)\)$/.exec(value.slice(start, end));
    const after = /^:(\d+(?:\.\d+)?)\)/.exec(value.slice(end));
    const isAround = !inner && value[start - 1] === '(' && after;
    const words = inner ? inner[1] : value.slice(start, end);
    const before = Number(inner?.[2] ?? (isAround ? after[1] : 1));
    const weight = Math.max(0, Math.min(10, Math.round(before * 10 + step) / 10));
    const from = isAround ? start - 1 : start;
    const to = isAround ? end + after[0].length : end;
    const text = weight === 1 ? words : `(${words}:${weight})`;
    this.area.setRangeText(text, from, to, 'preserve');
    const at = from + (weight === 1 ? 0 : 1);
    this.area.setSelectionRange(at, at + words.length);
    this.area.dispatchEvent(new Event('input', { bubbles: true }));
  }

  /** The selection without the spaces at its ends; where nothing is selected, the word that the caret touches. */
  span() {
    const { value, selectionStart, selectionEnd } = this.area;
    let [start, end] = [selectionStart, selectionEnd];
    if (start === end) {
      const isWord = (char) => char !== undefined && !/[\s,.:;()[\]<>|]/.test(char);
      while (isWord(value[start - 1])) start -= 1;
      while (isWord(value[end])) end += 1;
    }
    while (start < end && /\s/.test(value[start])) start += 1;
    while (end > start && /\s/.test(value[end - 1])) end -= 1;
    return [start, end];
  }
}
customElements.define('t-prompt', Prompt);
