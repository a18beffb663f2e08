/** What Civitai's reader accepts inside `<lora:…>`. */
export const infotextName = (fileName: string): string =>
  fileName
    .replace(/\.safetensors$/i, '')
    .replaceAll(/[^A-Za-z0-9_.-]+/g, '_')
    .slice(0, 120) || 'model';
