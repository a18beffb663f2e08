/** What a webhook is told of. Kept as bits by the place in this list, so it only ever grows at its end. */
export const WEBHOOK_EVENTS = [
  ...(['model.published', 'version.published', 'images.published', 'job.ended'] as const),
  ...(['report.filed', 'case.opened'] as const),
] as const;
export type WebhookEvent = (typeof WEBHOOK_EVENTS)[number];

/** Of these only the people who run the node hear, by a webhook for the whole node. */
export const OF_THE_NODE: ReadonlySet<WebhookEvent> = new Set(['report.filed', 'case.opened']);

export const webhookBit = (event: WebhookEvent): number => 1 << WEBHOOK_EVENTS.indexOf(event);
