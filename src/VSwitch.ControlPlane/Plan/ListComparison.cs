using System.Collections;

namespace VSwitch.ControlPlane.Plan;

/// <summary>What a list gains and loses, whatever the order of its items; an item that occurs twice counts twice. Takes time in
/// proportion to what lies between the first and the last difference.</summary>
internal static class ListComparison
{
    /// <summary>Compares two lists.</summary>
    /// <param name="before">The list as it was.</param>
    /// <param name="after">The list as it becomes.</param>
    /// <param name="comparer">When two items are the same.</param>
    /// <param name="shared">The new list, of the old list's items where these are the same: what stays need not be kept twice.</param>
    public static (List<T> Added, List<T> Removed) Compare<T>(
        IReadOnlyList<T> before, IReadOnlyList<T> after, IEqualityComparer<T> comparer, out IReadOnlyList<T> shared)
        where T : notnull
    {
        int start = 0;
        int least = Math.Min(before.Count, after.Count);
        while (start < least && comparer.Equals(before[start], after[start]))
        {
            start++;
        }

        int end = 0;
        while (end < least - start && comparer.Equals(before[before.Count - 1 - end], after[after.Count - 1 - end]))
        {
            end++;
        }

        if (start == before.Count && start == after.Count)
        {
            shared = before;
            return ([], []);
        }

        var rest = new Dictionary<T, (T Item, int Count)>(before.Count - start - end, comparer);
        for (int i = start; i < before.Count - end; i++)
        {
            rest[before[i]] = (before[i], rest.GetValueOrDefault(before[i]).Count + 1);
        }

        var added = new List<T>();
        var items = new T[after.Count];
        for (int i = 0; i < after.Count; i++)
        {
            items[i] = i < start ? before[i] : i >= after.Count - end ? before[before.Count - (after.Count - i)] : Take(rest, after[i], added);
        }

        shared = items;
        return (added, Remaining(before, start, end, rest));
    }

    private static T Take<T>(Dictionary<T, (T Item, int Count)> rest, T item, List<T> added)
        where T : notnull
    {
        if (rest.TryGetValue(item, out (T Item, int Count) known) && known.Count > 0)
        {
            rest[item] = (known.Item, known.Count - 1);
            return known.Item;
        }

        added.Add(item);
        return item;
    }

    /// <summary>In the order of the old list.</summary>
    private static List<T> Remaining<T>(IReadOnlyList<T> before, int start, int end, Dictionary<T, (T Item, int Count)> rest)
        where T : notnull
    {
        var removed = new List<T>();
        for (int i = start; i < before.Count - end; i++)
        {
            (T item, int count) = rest[before[i]];
            if (count > 0)
            {
                removed.Add(before[i]);
                rest[before[i]] = (item, count - 1);
            }
        }

        return removed;
    }
}

/// <summary>Items as text, made when someone reads them: most plans of many rules are never printed.</summary>
internal sealed class TextList<T>(IReadOnlyList<T> items, Func<T, string> text) : IReadOnlyList<string>
{
    public int Count => items.Count;

    public string this[int index] => text(items[index]);

    public IEnumerator<string> GetEnumerator() => items.Select(text).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
