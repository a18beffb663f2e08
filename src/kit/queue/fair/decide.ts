/**
 * Who is next on machines that people share. Deficit round-robin (Shreedhar and Varghese, "Efficient fair queuing using
 * deficit round robin", 1996) on estimated seconds: shares stand in a ring, each visit credits a share with a quantum,
 * and it runs jobs for as long as its credit pays for them. So it is seconds that are shared and not jobs, and who asks
 * for much waits behind their own jobs only.
 *
 * Two classes have a ring each. Interactive work goes first, since somebody sits there, but every second of it that
 * batch work has to wait is owed to batch work; when a quantum is owed, batch work gets its turn.
 */
export const JOB_CLASSES = ['interactive', 'batch'] as const;
export type JobClass = (typeof JOB_CLASSES)[number];

/** A queued job that may begin. */
export interface Waiting {
  readonly id: string;
  readonly jobClass: JobClass;
  /** Whose it is. */
  readonly shareKey: string;
  /** 1 is usual; half of it gets half as much. */
  readonly shareWeight: number;
  readonly costSeconds: number;
  /** The lower the sooner, within its share; it never crosses shares. */
  readonly priority: number;
  readonly runAtMs: number;
  /** What is best loaded already when it begins. */
  readonly affinity: string | null;
}

export interface Share {
  readonly jobClass: JobClass;
  readonly key: string;
  /** Seconds that it may still take before it gives its turn on; below 0 it took more than was estimated. */
  readonly deficitSeconds: number;
  /** Its place in the ring, the lowest first; 0 is out of it. */
  readonly turn: number;
}

export interface FairState {
  readonly shares: readonly Share[];
  /** The last turn that was given out. */
  readonly clock: number;
  readonly owedSeconds: number;
}

export interface FairRules {
  /** Of the time in which both classes wait. */
  readonly interactivePart: number;
  readonly quantumSeconds: Readonly<Record<JobClass, number>>;
  /** A job whose model is loaded counts as that much older than it is. */
  readonly bonusSeconds: number;
}
export const FAIR_RULES: FairRules = {
  interactivePart: 0.5,
  quantumSeconds: { interactive: 10, batch: 300 },
  bonusSeconds: 20,
};

export interface Decision {
  readonly job: Waiting;
  readonly state: FairState;
}

/** The job that is next and what is so then; null when none waits. It changes nothing. */
export function decide(
  state: FairState,
  waiting: readonly Waiting[],
  loaded: readonly string[],
  rules: FairRules,
): Decision | null {
  const jobClass = chooseClass(state.owedSeconds, waiting, rules);
  if (!jobClass) return null;
  const heads = headsOf(waiting, jobClass, loaded, rules);
  const ring = new Ring(state, heads, jobClass, rules.quantumSeconds[jobClass]);
  const job = ring.turnTo();
  const isBatchKeptWaiting = jobClass === 'interactive' && waiting.some((other) => other.jobClass === 'batch');
  const ratio = (1 - rules.interactivePart) / rules.interactivePart;
  const owed = jobClass === 'batch' ? -job.costSeconds : isBatchKeptWaiting ? job.costSeconds * ratio : 0;
  return {
    job,
    state: {
      shares: [...state.shares.filter((share) => share.jobClass !== jobClass), ...ring.shares()],
      clock: ring.clock,
      owedSeconds: Math.max(0, state.owedSeconds + owed),
    },
  };
}

function chooseClass(owedSeconds: number, waiting: readonly Waiting[], rules: FairRules): JobClass | null {
  const has = (jobClass: JobClass) => waiting.some((job) => job.jobClass === jobClass);
  if (!has('batch')) return has('interactive') ? 'interactive' : null;
  return !has('interactive') || owedSeconds >= rules.quantumSeconds.batch ? 'batch' : 'interactive';
}

/** The first job of each share: by priority, then by age. */
function headsOf(waiting: readonly Waiting[], jobClass: JobClass, loaded: readonly string[], rules: FairRules) {
  const ageMs = (job: Waiting) =>
    job.runAtMs - (job.affinity !== null && loaded.includes(job.affinity) ? rules.bonusSeconds * 1000 : 0);
  const isBefore = (a: Waiting, b: Waiting) => a.priority - b.priority || ageMs(a) - ageMs(b) || (a.id < b.id ? -1 : 1);
  const heads = new Map<string, Waiting>();
  for (const job of waiting) {
    const head = heads.get(job.shareKey);
    if (job.jobClass === jobClass && (!head || isBefore(job, head) < 0)) heads.set(job.shareKey, job);
  }
  return heads;
}

interface Seat {
  readonly key: string;
  readonly head: Waiting;
  readonly quantum: number;
  deficit: number;
  turn: number;
}

class Ring {
  readonly #jobClass: JobClass;
  readonly #seats: Seat[] = [];
  /** Shares without a job that waits: what they have in hand lapses, what they took too much stays. */
  readonly #idle: Share[] = [];
  clock: number;

  constructor(state: FairState, heads: ReadonlyMap<string, Waiting>, jobClass: JobClass, quantumSeconds: number) {
    this.#jobClass = jobClass;
    this.clock = state.clock;
    const known = new Map(state.shares.flatMap((share) => (share.jobClass === jobClass ? [[share.key, share]] : [])));
    for (const share of known.values()) {
      if (!heads.has(share.key))
        this.#idle.push({ ...share, turn: 0, deficitSeconds: Math.min(0, share.deficitSeconds) });
    }
    // who comes first stands first
    for (const [key, head] of [...heads].sort(([, a], [, b]) => a.runAtMs - b.runAtMs)) {
      const quantum = quantumSeconds * Math.max(0.01, head.shareWeight);
      const share = known.get(key);
      const isIn = share !== undefined && share.turn > 0;
      const deficit = isIn ? share.deficitSeconds : Math.min(0, share?.deficitSeconds ?? 0) + quantum;
      this.#seats.push({ key, head, quantum, deficit, turn: isIn ? share.turn : ++this.clock });
    }
    this.#seats.sort((a, b) => a.turn - b.turn);
  }

  /** Goes round until a share can pay for its first job, which it then does. */
  turnTo(): Waiting {
    // whole rounds in which nobody could pay are gone through at once
    const rounds = Math.min(...this.#seats.map(({ head, deficit, quantum }) => (head.costSeconds - deficit) / quantum));
    const skipped = Math.max(0, Math.ceil(rounds) - 1);
    for (const seat of this.#seats) seat.deficit += skipped * seat.quantum;
    for (;;) {
      const seat = this.#seats[0];
      if (!seat) throw new Error('a ring without shares');
      if (seat.deficit >= seat.head.costSeconds) {
        seat.deficit -= seat.head.costSeconds;
        return seat.head;
      }
      seat.deficit += seat.quantum;
      seat.turn = ++this.clock;
      this.#seats.push(...this.#seats.splice(0, 1));
    }
  }

  shares(): Share[] {
    const jobClass = this.#jobClass;
    const seated = this.#seats.map(({ key, turn, deficit }) => ({ jobClass, key, turn, deficitSeconds: deficit }));
    return [...seated, ...this.#idle];
  }
}
