// A waiting line of keys from which any key can be taken out of the middle: a doubly linked list, because arrays shift
// and a Map or Set walks over its tombstones when it is emptied from the front. Every operation is constant time.

export interface FifoNode {
  readonly key: string;
  previous: FifoNode | undefined;
  next: FifoNode | undefined;
}

export interface Fifo {
  push(key: string): FifoNode;
  shift(): string | undefined;
  /** `node` must be in this line. */
  remove(node: FifoNode): void;
}

export const createFifo = (): Fifo => {
  let first: FifoNode | undefined;
  let last: FifoNode | undefined;

  const remove = (node: FifoNode): void => {
    if (node.previous === undefined) first = node.next;
    else node.previous.next = node.next;
    if (node.next === undefined) last = node.previous;
    else node.next.previous = node.previous;
  };

  return {
    push: (key) => {
      const node: FifoNode = { key, previous: last, next: undefined };
      if (last === undefined) first = node;
      else last.next = node;
      last = node;
      return node;
    },
    shift: () => {
      const node = first;
      if (node !== undefined) remove(node);
      return node?.key;
    },
    remove,
  };
};
