import { modelPublished, versionPublished } from '../../catalogue/events.ts';
import { generationEnded, mergeEnded, trainingEnded } from '../../compute/events.ts';
import { postPublished } from '../../gallery/events.ts';
import { on, type Wiring } from '../../kit/events/wiring.ts';
import { caseOpened, reportFiled } from '../../moderation/queue/events.ts';
import { announceToWebhooksJobOf } from './announce.ts';

/** After these events, webhooks are told. */
export function webhookWiring(publicUrl: URL): Wiring {
  const job = announceToWebhooksJobOf(publicUrl);
  const event = <Name extends string>(name: Name, id: string | number) => ({ event: name, id: String(id) });
  return [
    on(modelPublished, job, ({ modelId }) => event('model.published', modelId)),
    on(versionPublished, job, ({ versionId }) => event('version.published', versionId)),
    on(postPublished, job, ({ postId }) => event('images.published', postId)),
    on(generationEnded, job, ({ generationId, isDone }) => ({
      ...event('job.ended', `generation:${generationId}`),
      isDone,
    })),
    on(trainingEnded, job, ({ runId, isDone }) => ({ ...event('job.ended', `training:${runId}`), isDone })),
    on(mergeEnded, job, ({ mergeId, isDone }) => ({ ...event('job.ended', `merge:${mergeId}`), isDone })),
    on(reportFiled, job, ({ reportId }) => event('report.filed', reportId)),
    on(caseOpened, job, ({ caseId }) => event('case.opened', caseId)),
  ];
}
