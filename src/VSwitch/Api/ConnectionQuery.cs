using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using VSwitch.ControlPlane.Filters;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Tables;
using VSwitch.Live;

namespace VSwitch.Api;

/// <summary>How a list of connections is sorted.</summary>
internal enum ConnectionOrder
{
    /// <summary>As they lie in the tables.</summary>
    None,

    /// <summary>Most bytes first, both directions together.</summary>
    Bytes,

    /// <summary>Most packets first.</summary>
    Packets,

    /// <summary>Oldest first.</summary>
    Age,
}

/// <summary>What a request asks of the connections. A parameter that is not known is an error: a mistyped filter must not mean
/// everything.</summary>
internal sealed record ConnectionQuery
{
    /// <summary>Connections of a page when the request does not say.</summary>
    public const int DefaultLimit = 100;

    /// <summary>Connections of a page at most.</summary>
    public const int MaxLimit = 10_000;

    private const string FilterWords = "filter, eni, vpc, protocol, address, port, state";

    /// <summary>Which connections.</summary>
    public required ConnectionFilter Filter { get; init; }

    /// <summary>The order.</summary>
    public ConnectionOrder Order { get; init; }

    /// <summary>Connections at most; null when the request does not say.</summary>
    public int? Limit { get; init; }

    /// <summary>Where to go on.</summary>
    public ConnectionCursor Cursor { get; init; }

    /// <summary>The request says that it means every connection.</summary>
    public bool MeansAll { get; init; }

    /// <summary>Reads the parameters of a list.</summary>
    /// <exception cref="ArgumentException">One is wrong; says which and what is expected.</exception>
    public static ConnectionQuery OfList(IQueryCollection query, ForwardingSnapshot snapshot, int workers)
    {
        RequireKnown(query, FilterWords + ", sort, limit, cursor");
        ConnectionOrder order = OrderOf(Single(query, "sort"));
        string? cursor = Single(query, "cursor");
        if (cursor != null && order != ConnectionOrder.None)
        {
            throw new ArgumentException("a sorted list has no further page: cursor and sort do not go together");
        }

        return new ConnectionQuery
        {
            Filter = FilterOf(query, snapshot),
            Order = order,
            Limit = LimitOf(Single(query, "limit")),
            Cursor = CursorOf(cursor, workers),
        };
    }

    /// <summary>Reads the parameters of a request that clears connections.</summary>
    /// <exception cref="ArgumentException">One is wrong; says which and what is expected.</exception>
    public static ConnectionQuery OfClear(IQueryCollection query, ForwardingSnapshot snapshot)
    {
        RequireKnown(query, FilterWords + ", all");
        bool meansAll = Single(query, "all") switch
        {
            null or "false" => false,
            "true" => true,
            string other => throw new ArgumentException($"'all={other}' is neither all=true nor all=false"),
        };
        ConnectionFilter filter = FilterOf(query, snapshot);
        return filter.IsAll == meansAll ? new ConnectionQuery { Filter = filter, MeansAll = meansAll }
            : throw new ArgumentException(meansAll
                ? "all=true and a filter contradict each other: write one of them"
                : $"say which connections to clear ({FilterWords}), or all=true for every one");
    }

    /// <summary>The text of a cursor.</summary>
    public static string TextOf(ConnectionCursor cursor) => string.Create(CultureInfo.InvariantCulture, $"{cursor.Worker}-{cursor.Place}");

    /// <summary>The simple parameters are the words of the filter language, so there is one reading of both.</summary>
    private static ConnectionFilter FilterOf(IQueryCollection query, ForwardingSnapshot snapshot)
    {
        var words = new List<string>();
        AddText(Single(query, "filter"));
        AddWord("eni", Single(query, "eni"));
        AddWord("vpc", Single(query, "vpc"));
        AddWord("proto", Single(query, "protocol"));
        string? address = Single(query, "address");
        AddWord(address?.Contains('/', StringComparison.Ordinal) == true ? "net" : "host", address);
        AddWord("l4port", Single(query, "port"));
        AddWord("state", Single(query, "state"));
        return PacketFilter.TryParse(string.Join(" and ", words), out PacketFilter filter, out string? error)
            ? ConnectionFilters.Compile(filter, snapshot) : throw new ArgumentException(error);

        void AddText(string? text)
        {
            if (!string.IsNullOrWhiteSpace(text))
            {
                words.Add(text);
            }
        }

        void AddWord(string word, string? value)
        {
            if (value != null)
            {
                words.Add(value.Length > 0 && !value.Any(char.IsWhiteSpace) ? $"{word} {value}"
                    : throw new ArgumentException($"'{value}' is no value for '{word}'"));
            }
        }
    }

    private static void RequireKnown(IQueryCollection query, string known)
    {
        foreach (string name in query.Keys)
        {
            if (!known.Split(", ").Contains(name, StringComparer.Ordinal))
            {
                throw new ArgumentException($"there is no parameter '{name}'; the parameters are {known}");
            }
        }
    }

    private static string? Single(IQueryCollection query, string name)
    {
        StringValues values = query[name];
        return values.Count <= 1 ? values.ToString() is { Length: > 0 } text ? text : query.ContainsKey(name) ? "" : null
            : throw new ArgumentException($"'{name}' stands there {values.Count} times; write it once");
    }

    private static ConnectionOrder OrderOf(string? text) => text switch
    {
        null => ConnectionOrder.None,
        "bytes" => ConnectionOrder.Bytes,
        "packets" => ConnectionOrder.Packets,
        "age" => ConnectionOrder.Age,
        _ => throw new ArgumentException($"'sort={text}' is no order; write sort=bytes, sort=packets or sort=age"),
    };

    private static int? LimitOf(string? text) => text == null ? null
        : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int limit) && limit is >= 1 and <= MaxLimit ? limit
        : throw new ArgumentException($"'limit={text}' is no number from 1 to {MaxLimit}");

    private static ConnectionCursor CursorOf(string? text, int workers)
    {
        if (text == null)
        {
            return default;
        }

        string[] parts = text.Split('-');
        bool isGood = parts.Length == 2 && int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out int worker) &&
            int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out _) && worker < workers;
        return isGood
            ? new ConnectionCursor(int.Parse(parts[0], CultureInfo.InvariantCulture), int.Parse(parts[1], CultureInfo.InvariantCulture))
            : throw new ArgumentException($"'cursor={text}' was not given by this switch; take 'next' of the page before");
    }
}
