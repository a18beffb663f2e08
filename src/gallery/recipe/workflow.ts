import { isObject, parseLooseJson } from './json.ts';

/**
 * The ComfyUI JSON that can be dropped on its page again, out of the raw blocks of an image: the editor's graph, or the
 * graph that ran when there is no other. Null when the image holds neither.
 */
export function workflowOf(raw: Readonly<Record<string, string>>): string | null {
  const found = Object.values(raw).flatMap((source) => {
    const text = source.slice(Math.max(0, source.indexOf('{')));
    const value =
      text.startsWith('{') && /^\s{0,9}(\w{1,20}:\s{0,5})?\{/.test(source) ? parseLooseJson(text) : undefined;
    return isObject(value) ? [{ text, value }] : [];
  });
  for (const { text, value } of found) {
    if (Array.isArray(value.nodes)) return text;
    if (isObject(value.workflow) && Array.isArray(value.workflow.nodes)) return JSON.stringify(value.workflow);
  }
  for (const { text, value } of found) {
    const graph = isObject(value.prompt) ? value.prompt : value;
    if (Object.values(graph).some((node) => isObject(node) && typeof node.class_type === 'string')) {
      return graph === value ? text : JSON.stringify(graph);
    }
  }
  return null;
}
