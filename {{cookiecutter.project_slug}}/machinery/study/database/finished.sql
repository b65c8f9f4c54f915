SELECT codeversion, mode, cond, counterbalance, count(*) AS finished FROM {table}
WHERE status IN {FINISHED} AND codeversion IS NOT NULL AND mode IS NOT NULL
  AND cond IS NOT NULL AND counterbalance IS NOT NULL
GROUP BY codeversion, mode, cond, counterbalance
