import { AppError } from '../kit/errors.ts';
import { t } from '../kit/web/messages.ts';
import { abilitiesOf } from './abilities.ts';
import type { EngineCaps } from './engine/protocol.ts';
import type { GenerateFields } from './form.ts';
import type { FamilyCaps } from './models/families.ts';

/** Throws `invalid` for what this engine or this family of models cannot do, with the reason at each field. */
export function assertPossible(fields: GenerateFields, caps: EngineCaps, family: FamilyCaps): void {
  const errors = {
    ...errorsOfSize(fields, family),
    ...errorsOfSampler(fields, caps),
    ...errorsOfAbilities(fields, caps),
  };
  const first = Object.values(errors)[0];
  if (first) throw new AppError('invalid', first, { fields: errors });
}

function errorsOfSize(fields: GenerateFields, family: FamilyCaps): Record<string, string> {
  const errors: Record<string, string> = {};
  const { label, min_size: least, max_size: most, size_step: step, max_pixels: mostPixels } = family;
  for (const name of ['width', 'height'] as const) {
    const size = fields[name];
    if (size < least || size > most || size % step !== 0) {
      errors[name] = `${label} makes ${least} to ${most} pixels, in steps of ${step}.`;
    }
  }
  const scale = fields.hires?.scale ?? 1;
  const pixels = fields.width * fields.height;
  if (pixels > mostPixels) errors.width = 'That is more than the engine can make at once.';
  else if (pixels * scale * scale > mostPixels || Math.max(fields.width, fields.height) * scale > most) {
    errors.hiresScale = t('generate.hires-too-large', { most });
  }
  return errors;
}

function errorsOfSampler({ sampler, schedule }: GenerateFields, caps: EngineCaps): Record<string, string> {
  if (!caps.samplers.includes(sampler)) return { sampler: 'The engine has no such sampler.' };
  const follows = caps.sampler_schedules[sampler] ?? caps.schedules;
  return follows.includes(schedule) ? {} : { schedule: `${sampler} cannot follow the schedule ${schedule}.` };
}

function errorsOfAbilities(fields: GenerateFields, caps: EngineCaps): Record<string, string> {
  const can = abilitiesOf(caps);
  const { start, hires } = fields;
  const cannot = (what: string) => t('generate.engine-cannot', { what: t(`generate.ability.${what}`) });
  const isModelUpscaler = /^\d+$/.test(hires?.upscaler ?? '');
  return {
    ...(start && !can.start ? { start: cannot('start') } : {}),
    ...(start?.mask && !can.mask ? { mask: cannot('mask') } : {}),
    ...(hires && !can.hires ? { hires: cannot('hires') } : {}),
    ...(hires && can.hires && !(isModelUpscaler ? can.modelUpscalers : can.upscalers.includes(hires.upscaler))
      ? { hiresUpscaler: t('generate.no-upscaler') }
      : {}),
    ...(fields.vae && !can.vae ? { vae: cannot('vae') } : {}),
    ...(fields.embeddings.length > 0 && !can.embeddings ? { embedding: cannot('embeddings') } : {}),
    ...(fields.subseedStrength > 0 && !can.variation ? { subseedStrength: cannot('variation') } : {}),
    ...(fields.cfgRescale > 0 && !can.cfgRescale ? { cfgRescale: cannot('cfgRescale') } : {}),
    ...(fields.isRepeatable && !can.repeatable ? { repeatable: cannot('repeatable') } : {}),
    ...(fields.rng === 'NV' && !can.nvNoise ? { rng: cannot('rng') } : {}),
    ...(can.formats.includes(fields.format) ? {} : { format: cannot('format') }),
  };
}
