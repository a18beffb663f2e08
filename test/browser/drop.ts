import type { Page } from 'playwright-core';

export interface DroppedFile {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly type?: string;
}

/** Drops files on an element, as a person does with the mouse. */
export async function dropFiles(page: Page, selector: string, files: readonly DroppedFile[]): Promise<void> {
  const carried = files.map(({ name, bytes, type = name.endsWith('.png') ? 'image/png' : '' }) => ({
    ...{ name, type },
    base64: Buffer.from(bytes).toString('base64'),
  }));
  await page.evaluate(
    `(() => {
      const data = new DataTransfer();
      for (const { name, type, base64 } of ${JSON.stringify(carried)}) {
        const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
        // a file keeps its time when it is chosen again; the client knows it by that
        data.items.add(new File([bytes], name, { type, lastModified: 1_700_000_000_000 }));
      }
      const zone = document.querySelector(${JSON.stringify(selector)});
      for (const kind of ['dragover', 'drop']) {
        zone.dispatchEvent(new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer: data }));
      }
    })()`,
  );
}
