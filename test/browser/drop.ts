import type { Page } from 'playwright-core';

export interface DroppedFile {
  readonly name: string;
  /** Or how many, for a large file of zeroes. */
  readonly bytes: Uint8Array | number;
  readonly type?: string;
}

/** Drops files on an element, as a person does with the mouse. */
export async function dropFiles(page: Page, selector: string, files: readonly DroppedFile[]): Promise<void> {
  const carried = files.map(({ name, bytes, type = name.endsWith('.png') ? 'image/png' : '' }) => ({
    ...{ name, type },
    ...(typeof bytes === 'number' ? { totalBytes: bytes } : { base64: Buffer.from(bytes).toString('base64') }),
  }));
  await page.evaluate(
    `(() => {
      const data = new DataTransfer();
      for (const { name, type, base64, totalBytes } of ${JSON.stringify(carried)}) {
        const bytes = totalBytes ? new Uint8Array(totalBytes) : Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
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
