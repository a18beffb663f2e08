/** One step of the schema for one dialect; in the order of their names, each once, never edited after a release. */
export interface Migration {
  /** As the file: four digits and what changes, `0003-add-series`. */
  readonly name: string;
  /** Sent to the driver as they are. */
  readonly statements: readonly string[];
}
