import type { Net } from '../../kit/net/net.ts';
import { ComfyUi } from '../comfyui/program.ts';
import type { EngineEvent } from '../engine/protocol.ts';
import { SdApi } from '../sdapi/program.ts';
import { SERVER_TIMES, ServerEngine, type ServerTimes } from './engine.ts';
import { ServerHttp } from './http.ts';

/** The server of a setting. */
export interface ServerChoice {
  readonly kind: 'comfyui' | 'sdapi';
  readonly address: URL;
  readonly net: Net;
  readonly times?: Partial<ServerTimes>;
}

interface ServerParts {
  /** Where the files of jobs lie. */
  readonly jobDir: string;
  /** The folder of models that ComfyUI may share. */
  readonly modelsFolder: string;
  readonly onEvent: (event: EngineEvent) => void;
  readonly onLog: (line: string) => void;
  readonly onChange: () => void;
}

export function makeServerEngine(
  { kind, address, net, times: given }: ServerChoice,
  { jobDir, modelsFolder, ...listeners }: ServerParts,
): ServerEngine {
  const http = new ServerHttp(net, address);
  const times = { ...SERVER_TIMES, ...given };
  const program =
    kind === 'comfyui' ? new ComfyUi({ http, net, jobDir, modelsFolder, times }) : new SdApi({ http, jobDir, times });
  return new ServerEngine({ program, times, ...listeners });
}
