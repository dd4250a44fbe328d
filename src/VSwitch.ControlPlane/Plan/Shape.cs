namespace VSwitch.ControlPlane.Plan;

/// <summary>A kind of thing as the difference sees it: a name and settings.</summary>
/// <param name="Kind">The kind's name.</param>
/// <param name="NameOf">The thing's name.</param>
/// <param name="Fields">Its settings, in the order in which they are shown.</param>
internal sealed record Shape<T>(string Kind, Func<T, string> NameOf, params IField<T>[] Fields)
    where T : class;

/// <summary>A setting of a thing.</summary>
internal interface IField<T>
    where T : class
{
    /// <summary>What becomes of it; null when it stays. <paramref name="before"/> is null for a new thing, <paramref name="after"/> for
    /// one that goes.</summary>
    public FieldChange? Compare(T? before, T? after);
}

/// <summary>A setting of one value.</summary>
/// <param name="name">Its name in the configuration.</param>
/// <param name="textOf">Its value as the configuration writes it; null when it is not set.</param>
/// <param name="usual">The value that goes without saying when a thing is new or goes.</param>
internal sealed class ValueField<T>(string name, Func<T, string?> textOf, string? usual = null) : IField<T>
    where T : class
{
    public FieldChange? Compare(T? before, T? after)
    {
        string? from = before == null ? null : textOf(before);
        string? to = after == null ? null : textOf(after);
        bool isWhole = before == null || after == null;
        return from == to || (isWhole && (from ?? to) == usual) ? null : new FieldChange(name, from, to);
    }
}

/// <summary>A setting that is a list.</summary>
/// <param name="name">Its name in the configuration.</param>
/// <param name="itemsOf">Its items; null where the thing has no list, which is not the same as an empty one.</param>
/// <param name="textOf">An item as people read it.</param>
/// <param name="comparer">When two items are the same; null = by value.</param>
/// <param name="orderOf">Items of which it gives the same must keep their order among each other; null = no order counts.</param>
/// <param name="wholeOf">What to say of the list as a whole, where that changes with it.</param>
internal sealed class ListField<T, TItem>(
    string name, Func<T, IReadOnlyList<TItem>?> itemsOf, Func<TItem, string> textOf, IEqualityComparer<TItem>? comparer = null,
    Func<TItem, string>? orderOf = null, Func<T, string?>? wholeOf = null) : IField<T>
    where T : class
    where TItem : notnull
{
    private readonly IEqualityComparer<TItem> _comparer = comparer ?? EqualityComparer<TItem>.Default;

    public FieldChange? Compare(T? before, T? after)
    {
        IReadOnlyList<TItem> old = ItemsOf(before);
        IReadOnlyList<TItem> next = ItemsOf(after);
        (List<TItem> added, List<TItem> removed) = ListComparison.Compare(old, next, _comparer, out IReadOnlyList<TItem> shared);
        string? from = before == null ? null : wholeOf?.Invoke(before);
        string? to = after == null ? null : wholeOf?.Invoke(after);
        if (from == to && before != null && after != null && !ReferenceEquals(shared, old) && IsReordered(old, shared))
        {
            from = string.Join(", ", old.Select(textOf));
            to = string.Join(", ", next.Select(textOf));
        }

        return added.Count + removed.Count == 0 && from == to ? null
            : new FieldChange(name, from == to ? null : from, from == to ? null : to, Texts(added), Texts(removed));
    }

    private IReadOnlyList<TItem> ItemsOf(T? thing) => thing == null ? [] : itemsOf(thing) ?? [];

    private TextList<TItem>? Texts(List<TItem> items) => items.Count == 0 ? null : new TextList<TItem>(items, textOf);

    /// <summary>Whether those items that stay come in another order, or another one comes first, where order counts.</summary>
    private bool IsReordered(IReadOnlyList<TItem> old, IReadOnlyList<TItem> next)
    {
        if (orderOf == null)
        {
            return false;
        }

        var then = old.ToLookup(orderOf, StringComparer.Ordinal);
        foreach (IGrouping<string, TItem> now in next.GroupBy(orderOf, StringComparer.Ordinal))
        {
            TItem[] was = [.. then[now.Key]];
            TItem[] stays = [.. now.Where(item => was.Contains(item, _comparer))];
            bool isOtherFirst = stays.Length > 0 && !_comparer.Equals(was[0], now.First());
            if (isOtherFirst || !stays.SequenceEqual(was.Where(item => now.Contains(item, _comparer)), _comparer))
            {
                return true;
            }
        }

        return false;
    }
}
