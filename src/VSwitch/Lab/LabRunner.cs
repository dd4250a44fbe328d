namespace VSwitch.Lab;

/// <summary>Makes a lab's namespaces around TAPs that a switch has open, and takes them down.</summary>
internal static class LabRunner
{
    private const string NamespaceFolder = "/run/netns";

    /// <summary>Makes the namespaces, moves the TAPs into them and sets them up. The switch must have all queues of its TAPs open:
    /// a queue opened later would make a new interface here. When a step fails, the namespaces made so far go, and the TAPs in them
    /// with them: the switch must then be ended.</summary>
    /// <exception cref="IOException">A step failed: one line with the command and what ip said. Nothing stays.</exception>
    public static void Attach(LabPlan plan)
    {
        RefuseTaken(plan.Namespaces);
        var made = new List<string>();
        try
        {
            foreach (string[] command in plan.Commands)
            {
                LabProcess.Ip(command);
                if (command is ["netns", "add", string ns])
                {
                    made.Add(ns);
                }
            }
        }
        catch
        {
            Detach(made);
            throw;
        }
    }

    /// <summary>Removes the namespaces of a plan; what is not there is not missed. The TAPs go with them.</summary>
    public static void Detach(LabPlan plan) => Detach(plan.Namespaces);

    /// <summary>Removes namespaces; what is not there is not missed.</summary>
    public static void Detach(IEnumerable<string> namespaces)
    {
        foreach (string ns in namespaces.Where(Exists))
        {
            LabProcess.TryIp("netns", "delete", ns);
        }
    }

    /// <summary>True when a namespace of that name is there.</summary>
    public static bool Exists(string ns) => File.Exists(Path.Combine(NamespaceFolder, ns));

    /// <summary>Nothing may be made where something of that name is: taking the lab down would remove what is not ours.</summary>
    /// <exception cref="IOException">A namespace is there already.</exception>
    public static void RefuseTaken(IEnumerable<string> namespaces)
    {
        if (namespaces.FirstOrDefault(Exists) is string taken)
        {
            throw new IOException($"network namespace '{taken}' is there already, of another lab or of one that broke off: " +
                $"take that lab down, or remove it (ip netns delete {taken})");
        }
    }
}
