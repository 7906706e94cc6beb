"Names that changed before the first release: old weights give the old numbers, an old name in a config is an error"

import numpy as np
import pytest
from conftest import read_reference
from renamed import CASES, SETTINGS, TENSORS, config, new_name, outputs

from posebook.core import PosebookError

BEFORE = read_reference("renamed")


@pytest.mark.parametrize("name", CASES)
def test_old_weights_under_new_names_give_the_old_numbers(name):
    numbers, _ = outputs(CASES[name], BEFORE[name]["shapes"], new_name)
    assert len(numbers) == len(BEFORE[name]["numbers"]) >= 5
    np.testing.assert_allclose(numbers, BEFORE[name]["numbers"], atol=1e-5 * np.std(BEFORE[name]["numbers"]), rtol=1e-5)


def test_each_rule_of_the_map_is_needed():
    import re

    for rule in TENSORS:
        assert any(re.match(rule, k) for o in BEFORE.values() for k in o["shapes"]), rule


def test_an_old_name_of_a_setting_is_an_error():
    from posebook.models.factory import get_model

    with pytest.raises(PosebookError, match="no decoder is called 'local'"):
        get_model(config(decode="local"))
    with pytest.raises(PosebookError, match="no head is called 'walk'"):
        get_model(config(model_type="heatmap_mhcrnn", args={"window_head": "walk"}))
    assert len(SETTINGS) == 2
