/**
 * A query for the rows of `table` whose `words` hold some of the words `$2`, with their `score`: the share of the query's words, each weighed by how rare it is
 * among the rows of scope `$1` (inverse document frequency). `$3` is the least score, `$4` how many rows.
 *
 * @param filter - a further condition on a row `t`, or `true`
 */
export function rankedRows(table: string, columns: string, filter: string): string {
  return `
    with total as (select count(*)::float8 as n from ${table} where scope = $1 and words <> '{}'),
    weight as (
      select q.word, ln(1 + (total.n - greatest(c.n, 1) + 0.5) / (greatest(c.n, 1) + 0.5)) * case when c.n = 0 then 0.5 else 1 end as w
      from unnest($2::text[]) as q(word) cross join total
      cross join lateral (select count(*)::float8 as n from ${table} where scope = $1 and words @> array[q.word]) c
    ),
    ranked as (
      select ${columns}, least(1, (select sum(w) from weight where weight.word = any(t.words)) / (select sum(w) from weight)) as score
      from ${table} t where t.scope = $1 and t.words && $2::text[] and ${filter}
    )
    select * from ranked where score > 0 and score >= $3 order by score desc, updated_at desc limit $4`;
}
