import { randomUUID } from 'node:crypto';
import type { Account } from '../../src/accounts/model.ts';
import { type Decided, DecisionForm, decideRow } from '../../src/moderation/queue/decide.ts';
import { takeLock } from '../../src/moderation/queue/lock.ts';
import { QueueRow } from '../../src/moderation/queue/model.ts';
import { fileReport, ReportForm } from '../../src/moderation/reports/file.ts';
import type { Report, ReportedKind } from '../../src/moderation/reports/model.ts';
import { Rule, type RuleCategory } from '../../src/moderation/rules/model.ts';
import type { TestNode } from '../node.ts';

type Thing = { readonly id: number | string };

/** What people at a moderation desk do, as the pages do it. */
export function deskOf(test: TestNode) {
  const fork = () => test.node.orm.em.fork();
  const ruleOf = async (category: RuleCategory): Promise<Rule> => fork().findOneOrFail(Rule, { category });
  const report = async (
    who: Account,
    kind: ReportedKind,
    { id }: Thing,
    { category = 'spam' as RuleCategory, ...words }: { category?: RuleCategory; text?: string; link?: string } = {},
  ): Promise<Report> => {
    const form = ReportForm.parse({ reason: category === 'other' ? 'other' : (await ruleOf(category)).id, ...words });
    return fileReport(test.workAs(who), { kind, id: String(id) }, form);
  };
  const rowOf = async (kind: ReportedKind, { id }: Thing): Promise<QueueRow> =>
    fork().findOneOrFail(QueueRow, { subjectId: `${kind}:${id}` }, { orderBy: { openedAt: 'desc' } });
  const decide = async (
    who: Account,
    row: QueueRow,
    choice: string,
    given: Partial<Record<'key' | 'facts' | 'level' | 'strike' | 'rule', string>> = {},
  ): Promise<Decided> => {
    const rule = choice === 'dismiss' ? '' : (await ruleOf('spam')).id;
    const form = DecisionForm.parse({ key: randomUUID(), choice, rule, facts: 'It is an advertisement.', ...given });
    return decideRow(test.workAs(who), test.node.desks, row.id, form);
  };
  const lockAndDecide = async (...[who, row, choice, given]: Parameters<typeof decide>): Promise<Decided> => {
    await takeLock(test.workAs(who), row.id);
    return decide(who, row, choice, given);
  };
  return { fork, ruleOf, report, rowOf, decide, lockAndDecide };
}
