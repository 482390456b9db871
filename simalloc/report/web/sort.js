"use strict";
// Tables sort by a click on a column's head, or Enter or Space on it: numbers by value, the rest as text.
(() => {
  const collator = new Intl.Collator("en", { numeric: true });

  function keyOf(row, column, numeric) {
    const cell = row.cells[column];
    if (!numeric) return cell.textContent;
    return cell.dataset.value === undefined ? null : Number(cell.dataset.value);
  }

  // What has no value comes last, whichever way the rest is sorted.
  function compare(a, b, numeric, sign) {
    if (a === null || b === null) return (a === null) - (b === null);
    return sign * (numeric ? a - b : collator.compare(a, b));
  }

  function sortBy(table, head) {
    const numeric = head.classList.contains("number");
    const down = head.getAttribute("aria-sort") === "ascending";
    const column = head.cellIndex;
    const body = table.tBodies[0];
    const keyed = Array.from(body.rows, (row) => [keyOf(row, column, numeric), row]);
    keyed.sort((a, b) => compare(a[0], b[0], numeric, down ? -1 : 1));
    for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    body.append(...keyed.map((each) => each[1]));
  }

  for (const table of document.querySelectorAll("table.sortable")) {
    for (const head of table.tHead.rows[0].cells) {
      head.querySelector("button").addEventListener("click", () => sortBy(table, head));
    }
  }
})();
