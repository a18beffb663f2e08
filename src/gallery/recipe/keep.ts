import type { ImageText } from '../../kit/storage/carriers/read.ts';
import { findingsOf } from './tools.ts';

/** Short texts that belong to a tool's settings without being settings themselves. */
const COMPANIONS =
  /^(workflow|smproj|parameters-json|invokeai_graph|invokeai_workflow|fooocus_scheme|generation_data|Generation time)$/;
const SIGNATURES =
  /^(novelai|fooocus|a1111|ruinedfooocus|swarmui|comfyui|draw things|ai|invokeai|stable diffusion)\b.{0,40}$/i;

/**
 * Whether a text of a file says how the image was made, and not with what camera or where: what stays in the copy that
 * others download when its author shows the recipe.
 */
export function isGenerationData(text: ImageText): boolean {
  if (COMPANIONS.test(text.key)) return text.carrier === 'png';
  if (text.carrier === 'png' && /^(Source|Description|Title)$/.test(text.key)) return /novelai/i.test(text.text);
  if (/^(Software|Artist|MakerNote)$/.test(text.key)) return SIGNATURES.test(text.text.trim());
  return findingsOf([text]).length > 0;
}
