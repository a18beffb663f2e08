import { z } from 'zod';
import { parseJson } from '../server/http.ts';

// What ComfyUI says on its socket (server.py, execution.py, comfy_execution/progress.py). It only tells how far a job is:
// how it ended, the history says.

const step = z.number().nonnegative().finite();
const States = z.object({
  prompt_id: z.string(),
  nodes: z.record(z.string(), z.object({ value: step, max: step, state: z.string() })),
});
const Executing = z.object({ prompt_id: z.string(), node: z.string().nullable() });
const Progress = z.object({ prompt_id: z.string(), node: z.string().nullish(), value: step, max: step });
const Ended = z.object({ prompt_id: z.string() });
const Message = z.object({ type: z.string(), data: z.unknown() });

export type SocketMessage =
  | {
      readonly kind: 'node';
      readonly promptId: string;
      readonly node: string;
      readonly value: number;
      readonly max: number;
    }
  | { readonly kind: 'ended'; readonly promptId: string };

/** Null for what says nothing about a job. */
export function readText(message: string): SocketMessage | null {
  const { type, data } = Message.safeParse(parseJson(message)).data ?? {};
  if (type === 'progress_state') {
    const states = States.safeParse(data).data;
    const running = Object.entries(states?.nodes ?? {}).find(([, { state }]) => state === 'running');
    if (!states || !running) return null;
    const [node, { value, max }] = running;
    return { kind: 'node', promptId: states.prompt_id, node, value, max };
  }
  if (type === 'progress') {
    const progress = Progress.safeParse(data).data;
    if (!progress?.node) return null;
    return {
      kind: 'node',
      promptId: progress.prompt_id,
      node: progress.node,
      value: progress.value,
      max: progress.max,
    };
  }
  if (type === 'executing') {
    const executing = Executing.safeParse(data).data;
    if (!executing) return null;
    const { prompt_id: promptId, node } = executing;
    return node === null ? { kind: 'ended', promptId } : { kind: 'node', promptId, node, value: 0, max: 0 };
  }
  if (type === 'execution_success' || type === 'execution_error' || type === 'execution_interrupted') {
    const ended = Ended.safeParse(data).data;
    return ended ? { kind: 'ended', promptId: ended.prompt_id } : null;
  }
  return null;
}

export interface SocketPreview {
  /** Null where it does not say: then it is of what runs. */
  readonly promptId: string | null;
  readonly image: Buffer;
}

const PREVIEW = 1;
const PREVIEW_WITH_METADATA = 4;

/** A binary message: four bytes of its type, then a header of that type, then a JPEG or PNG. */
export function readPreview(bytes: Buffer): SocketPreview | null {
  if (bytes.length < 8) return null;
  const type = bytes.readUInt32BE(0);
  if (type === PREVIEW) return { promptId: null, image: bytes.subarray(8) };
  if (type !== PREVIEW_WITH_METADATA) return null;
  const end = 8 + bytes.readUInt32BE(4);
  if (end > bytes.length) return null;
  const about = Ended.safeParse(parseJson(bytes.subarray(8, end))).data;
  return { promptId: about?.prompt_id ?? null, image: bytes.subarray(end) };
}

/** The first message, which asks for previews that say what they are of. */
export const HANDSHAKE = JSON.stringify({ type: 'feature_flags', data: { supports_preview_metadata: true } });
