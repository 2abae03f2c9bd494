// A reporter for node's test runner: what came of each test, as a line of JSON each, for the runner to read.
import type { TestEvent } from "node:test/reporters";

/** As long as somebody reads it at the end of a long output. */
const MOST_LETTERS = 500;

/** What came of one test. */
export interface Event {
  name: string;
  came: "passed" | "failed" | "skipped";
  /** Why it failed or was left out. */
  why: string;
}

export default async function* events(all: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const { type, data } of all) {
    if (type !== "test:fail" && type !== "test:pass") continue;
    // A file and a group of tests are no tests of their own, unless they fail.
    if (type === "test:pass" && data.details.type === "suite") continue;
    const event: Event = { name: data.name, came: "passed", why: "" };
    if (type === "test:fail") {
      const { error } = data.details;
      event.came = "failed";
      event.why = error.cause instanceof Error ? error.cause.message : String(error.cause ?? error.message);
    } else if (data.skip !== undefined) {
      event.came = "skipped";
      event.why = String(data.skip);
    }
    event.why = event.why.replace(/\s+/g, " ").slice(0, MOST_LETTERS);
    yield `${JSON.stringify(event)}\n`;
  }
}
