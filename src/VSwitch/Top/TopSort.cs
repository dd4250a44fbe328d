namespace VSwitch.Top;

/// <summary>How rows are ordered: one choice for all sections; ties by name, so that rows stay where they are.</summary>
internal enum TopOrder
{
    /// <summary>Most bits per second first.</summary>
    Traffic,

    /// <summary>Most packets per second first.</summary>
    Packets,

    /// <summary>Most drops per second first.</summary>
    Drops,

    /// <summary>By name.</summary>
    Name,
}

/// <summary>Sorts the rows of each section.</summary>
internal readonly record struct TopSort(TopOrder Order)
{
    /// <summary>The order after this one.</summary>
    public TopSort Next => new((TopOrder)(((int)Order + 1) % Enum.GetValues<TopOrder>().Length));

    /// <summary>Its word on the screen.</summary>
    public string Word => Order switch { TopOrder.Traffic => "traffic", TopOrder.Packets => "packets", TopOrder.Drops => "drops", _ => "name" };

    /// <summary>Ports in this order.</summary>
    public IReadOnlyList<TopPort> Ports(IEnumerable<TopPort> ports)
    {
        TopOrder order = Order;
        return [.. ports.OrderByDescending(p => order switch
        {
            TopOrder.Traffic => (p.InBitsPerSecond ?? 0) + (p.OutBitsPerSecond ?? 0),
            TopOrder.Packets => (p.InPacketsPerSecond ?? 0) + (p.OutPacketsPerSecond ?? 0),
            TopOrder.Drops => p.DropsPerSecond ?? 0,
            _ => 0,
        }).ThenBy(p => p.Name, StringComparer.Ordinal)];
    }

    /// <summary>Drop reasons in this order.</summary>
    public IReadOnlyList<TopDrop> Drops(IEnumerable<TopDrop> drops)
    {
        bool isByName = Order == TopOrder.Name;
        return [.. drops.OrderByDescending(d => isByName ? 0 : d.PerSecond ?? 0).ThenByDescending(d => isByName ? 0 : d.Count)
            .ThenBy(d => d.Reason, StringComparer.Ordinal)];
    }

    /// <summary>Connections in this order.</summary>
    public IReadOnlyList<TopConnection> Connections(IEnumerable<TopConnection> connections)
    {
        TopOrder order = Order;
        return [.. connections.OrderByDescending(c => order switch
        {
            TopOrder.Packets => c.PacketsPerSecond ?? 0,
            TopOrder.Name => 0,
            _ => c.BitsPerSecond ?? 0,
        }).ThenByDescending(c => order == TopOrder.Name ? 0 : c.Bytes).ThenBy(c => c.Source, StringComparer.Ordinal)
            .ThenBy(c => c.Destination, StringComparer.Ordinal)];
    }
}
