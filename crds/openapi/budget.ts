// How much a translated schema may cost. A document comes from somebody else: references can multiply to a size that no
// API server takes, without end if they lead back. Whoever builds a part of the result pays for it first, and stops when
// nothing is left.
// Rules: docs/reference/behaviour.md, "OpenAPI".

/** Characters of JSON, about. */
export interface Budget {
  left: number;
}

/** What a node costs apart from its texts. */
const NODE = 24;

/** False once nothing is left: then what is built is thrown away, and nothing more need be built. */
export const pay = (budget: Budget, characters: number): boolean => {
  budget.left -= characters;
  return budget.left >= 0;
};

export const payForNode = (budget: Budget): boolean => pay(budget, NODE);

/** Whether so many nodes can be paid for at all, asked before looking at any of them; if not, nothing is left. */
export const affordsNodes = (budget: Budget, count: number): boolean =>
  count * NODE <= budget.left || pay(budget, Infinity);

export const isSpent = (budget: Budget): boolean => budget.left < 0;
