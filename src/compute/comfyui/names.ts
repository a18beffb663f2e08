// Our samplers and schedules are called as in A1111; ComfyUI calls the same curves by other names (comfy/samplers.py).

export const SAMPLERS: Readonly<Record<string, string>> = {
  ...{ Euler: 'euler', 'Euler a': 'euler_ancestral', 'DPM++ 2M': 'dpmpp_2m', 'DPM++ SDE': 'dpmpp_sde' },
  ...{ 'DPM++ 2M SDE': 'dpmpp_2m_sde', 'DPM++ 2M SDE Heun': 'dpmpp_2m_sde_heun', 'DPM++ 3M SDE': 'dpmpp_3m_sde' },
  ...{ 'DPM++ 2S a': 'dpmpp_2s_ancestral', DPM2: 'dpm_2', 'DPM2 a': 'dpm_2_ancestral', 'DPM fast': 'dpm_fast' },
  ...{ 'DPM adaptive': 'dpm_adaptive', Heun: 'heun', HeunPP2: 'heunpp2', LMS: 'lms', DDIM: 'ddim', UniPC: 'uni_pc' },
  ...{ DEIS: 'deis', IPNDM: 'ipndm', LCM: 'lcm' },
};

export const SCHEDULES: Readonly<Record<string, string>> = {
  ...{ Normal: 'normal', Karras: 'karras', Exponential: 'exponential', Beta: 'beta', 'SGM Uniform': 'sgm_uniform' },
  ...{ Simple: 'simple', DDIM: 'ddim_uniform', 'KL Optimal': 'kl_optimal' },
};

/** What "Automatic" means, as our own engine reads it. */
const PREFERRED: Readonly<Record<string, string>> = {
  ...{ 'DPM++ 2M': 'Karras', 'DPM++ SDE': 'Karras', 'DPM++ 2S a': 'Karras', DPM2: 'Karras', 'DPM2 a': 'Karras' },
  ...{ 'DPM++ 2M SDE': 'Exponential', 'DPM++ 2M SDE Heun': 'Exponential', 'DPM++ 3M SDE': 'Exponential' },
  ...{ DDIM: 'DDIM', LCM: 'SGM Uniform' },
};

export const scheduleOf = (sampler: string, schedule = 'Automatic'): string =>
  schedule === 'Automatic' ? (PREFERRED[sampler] ?? 'Normal') : schedule;

/** Ours that a server lists under its names. */
export const offered = (ours: Readonly<Record<string, string>>, theirs: readonly string[]): string[] =>
  Object.entries(ours).flatMap(([name, its]) => (theirs.includes(its) ? [name] : []));
