/** Which rows of how many are shown, and the pages before and after. */
import { Button } from "./parts";

export function Pager(props: {
  offset: number;
  limit: number;
  total: number | undefined;
  onTurn: (offset: number) => void;
}) {
  const { offset, limit, total, onTurn } = props;
  if (!total) return null;
  return (
    <div className="flex items-center gap-1.5 text-2xs text-faint">
      <span className="num whitespace-nowrap">
        {Math.min(offset + 1, total)}–{Math.min(offset + limit, total)} of {total.toLocaleString("en")}
      </span>
      {(offset > 0 || total > limit) && (
        <>
          <Button
            size="small"
            aria-label="Earlier page"
            icon="back"
            disabled={offset <= 0}
            onClick={() => onTurn(Math.max(0, offset - limit))}
          />
          <Button
            size="small"
            aria-label="Next page"
            icon="chevron"
            disabled={offset + limit >= total}
            onClick={() => onTurn(offset + limit)}
          />
        </>
      )}
    </div>
  );
}
