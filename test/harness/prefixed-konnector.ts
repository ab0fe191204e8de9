// A konnector of one's own: what stands in namespace `blue` of the consumer stands in `mapped-blue` of the provider, and what has
// no namespace under such a name. As docs/guides/mapper.md shows it; the end-to-end suites run it (test/e2e/mapped.ts).

import { konnector } from "../../cmd/process.ts";
import type { Mapper } from "../../machines/rules/mapper.ts";
import { PREFIX } from "./prefix.ts";

const without = (text: string): string => {
  if (!text.startsWith(PREFIX)) throw new Error(`${text} does not begin with ${PREFIX}`);
  return text.slice(PREFIX.length);
};

const mapper: Mapper = {
  toProvider: (_resource, { namespace, name }) =>
    namespace === "" ? { namespace, name: PREFIX + name } : { namespace: PREFIX + namespace, name },
  toConsumer: (_resource, { namespace, name }) =>
    namespace === "" ? { namespace, name: without(name) } : { namespace: without(namespace), name },
};

process.exitCode = await konnector(process.argv.slice(2), { mapper });
