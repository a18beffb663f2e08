import type { EngineCaps } from '../engine/protocol.ts';

/** Which program answers: the routes are the same, the words and abilities are not. */
export type Flavour = 'A1111' | 'Forge' | 'sd-server';

/** Ours, which are A1111's. */
const SAMPLERS = [
  ...['Euler', 'Euler a', 'DPM++ 2M', 'DPM++ SDE', 'DPM++ 2M SDE', 'DPM++ 2M SDE Heun', 'DPM++ 3M SDE', 'DPM++ 2S a'],
  ...['DPM2', 'DPM2 a', 'DPM fast', 'DPM adaptive', 'Heun', 'HeunPP2', 'LMS', 'Restart', 'DDIM', 'DDIM CFG++', 'PLMS'],
  ...['UniPC', 'LCM', 'DEIS', 'IPNDM', 'TCD'],
];
const SCHEDULES = [
  ...['Automatic', 'Normal', 'Uniform', 'Karras', 'Exponential', 'Polyexponential', 'Beta', 'SGM Uniform', 'Simple'],
  ...['DDIM', 'Align Your Steps', 'KL Optimal'],
];

/** stable-diffusion.cpp, src/stable-diffusion.cpp: it takes another sampler in silence for a name that it does not know. */
const SD_SERVER_SAMPLERS: Readonly<Record<string, string>> = {
  ...{ Euler: 'euler', 'Euler a': 'euler_a', Heun: 'heun', DPM2: 'dpm2', 'DPM++ 2S a': 'dpm++2s_a', LMS: 'lms' },
  ...{
    'DPM++ 2M': 'dpm++2m',
    'DPM++ 2M SDE': 'dpm++2m_sde',
    IPNDM: 'ipndm',
    LCM: 'lcm',
    DDIM: 'ddim_trailing',
    TCD: 'tcd',
  },
};
const SD_SERVER_SCHEDULES: Readonly<Record<string, string>> = {
  ...{ Normal: 'discrete', Karras: 'karras', Exponential: 'exponential', Beta: 'beta', 'SGM Uniform': 'sgm_uniform' },
  ...{ Simple: 'simple', 'Align Your Steps': 'ays', 'KL Optimal': 'kl_optimal' },
};

const plain = (name: string): string => name.toLowerCase().replaceAll(/[\s_-]+/g, '');

/** Their spelling of a sampler or schedule of ours; null where they have none. */
export function theirName(
  kind: 'sampler' | 'schedule',
  name: string,
  flavour: Flavour,
  listed: readonly string[],
): string | null {
  if (flavour === 'sd-server') {
    // "default" is what the server was started with
    if (kind === 'schedule' && name === 'Automatic') return 'default';
    const its = (kind === 'sampler' ? SD_SERVER_SAMPLERS : SD_SERVER_SCHEDULES)[name];
    return its !== undefined && listed.includes(its) ? its : null;
  }
  if (kind === 'schedule' && name === 'Automatic') return 'Automatic';
  return listed.find((one) => plain(one) === plain(name)) ?? null;
}

/** Of ours, those that it has. */
export function offeredNames(
  flavour: Flavour,
  samplers: readonly string[],
  schedules: readonly string[],
): Pick<EngineCaps, 'samplers' | 'schedules'> {
  const has = (kind: 'sampler' | 'schedule', listed: readonly string[]) => (name: string) =>
    theirName(kind, name, flavour, listed) !== null;
  return {
    samplers: SAMPLERS.filter(has('sampler', samplers)),
    schedules: SCHEDULES.filter(has('schedule', schedules)),
  };
}
